import Bytes
import CShims
import Platform
import RESP

extension EventLoop {
    /// Output that a client may leave unread before it is authenticated: it gets only errors, no need to hoard them.
    private static let strangersOutputBytes = 1024

    /// Memory that the writer keeps from one batch to the next while it is used; without use for a tick or two it goes
    /// back to what it began with.
    private static let keptWriterBytes = 256 << 10

    /// Replies that wait in the writer at most; beyond, they are sent before the end of the turn.
    private static let deferredBytes = 64 << 10

    /// Whether a connection's output, in the writer from `begin` on, is above its hard limit even before the socket was
    /// asked; if so it is dropped and the connection is to be closed. Replies of one batch count as a whole, as in
    /// Redis, which sends nothing before it has executed what it read.
    @inline(__always)
    func dropsOutput(_ connection: Connection, from begin: Int) -> Bool {
        writer.pointee.count &- begin &+ connection.state.pointee.pending.count >= core.pointee.lowestHardLimit
            && isOverHardLimit(connection, from: begin)
    }

    /// Where in the writer a connection's replies that begin at `begin` come to be above its hard limit.
    @inline(__always)
    func outputBound(_ connection: Connection, from begin: Int) -> Int {
        let limit = core.pointee.hardLimits[connection.state.pointee.outputClass.rawValue]
        return limit == .max ? .max : begin + limit - connection.state.pointee.pending.count
    }

    @inline(never)
    private func isOverHardLimit(_ connection: Connection, from begin: Int) -> Bool {
        let state = connection.state
        guard writer.pointee.count >= outputBound(connection, from: begin) else { return false }
        writer.pointee.truncate(to: begin)
        if begin == 0 { writer.pointee.removeAll(keeping: Self.sharedInputBytes) }
        state.pointee.pending.removeAll()
        if !state.pointee.closeSoon { statistics.outputLimitDisconnections.add(1) }
        state.pointee.closeSoon = true
        touch(connection)
        return true
    }

    /// The writer holds a connection's replies from `begin` on: leaves them there to be sent with the others' at the
    /// end of the turn. A client that is woken by each reply as it is written takes the processor from the loop that
    /// is still answering the others; woken once, it finds many.
    @inline(__always)
    func reply(_ connection: Connection, from begin: Int) {
        let state = connection.state
        guard writer.pointee.isContiguous, state.pointee.pending.isEmpty, !state.pointee.isClosing else {
            return flush(connection, from: begin)
        }
        core.pointee.deferred.append(
            DeferredReply(connection: .passUnretained(connection), begin: begin, end: writer.pointee.count))
        if writer.pointee.count >= Self.deferredBytes { endTurnOfWriter() }
    }

    /// Sends the replies that wait in the writer, and empties it.
    func endTurnOfWriter() {
        if core.pointee.deferred.isEmpty { return }
        sendDeferred()
        emptyWriter()
    }

    private func emptyWriter() {
        if writer.pointee.slice.count > Self.sharedInputBytes { core.pointee.wroteMuch = true }
        writer.pointee.removeAll(keeping: Self.keptWriterBytes)
    }

    /// At a tick: gives back the memory of replies larger than those of late.
    func shrinkWriter() {
        let isKept = core.pointee.wroteMuch || group.keepsReplyMemory.load(ordering: .relaxed)
        if !isKept, writer.pointee.count == 0 {
            writer.pointee.removeAll(keeping: Self.sharedInputBytes)
        }
        core.pointee.wroteMuch = false
        statistics.writerBytes.set(writer.pointee.allocatedBytes)
    }

    /// Sends the replies that wait. The writer keeps its bytes: a batch may be writing behind them.
    private func sendDeferred() {
        let slice = writer.pointee.slice
        for index in 0..<core.pointee.deferred.count {
            let deferred = core.pointee.deferred[index]
            // Held by the loop's lists until the turn has ended.
            deferred.connection._withUnsafeGuaranteedRef { connection in
                if !connection.isClosed { send(connection, slice[deferred.begin..<deferred.end]) }
            }
        }
        core.pointee.deferred.removeAll(keepingCapacity: core.pointee.deferred.count <= 1024)
    }

    @inline(__always)
    private func send(_ connection: Connection, _ bytes: ByteSlice) {
        let state = connection.state
        guard state.pointee.pending.isEmpty else {
            state.pointee.pending.append(bytes)
            return flushPending(connection)
        }
        let transfer = Socket.send(state.pointee.descriptor, bytes.base, count: bytes.count)
        statistics.writes.add(1)
        if transfer.bytes == bytes.count {
            statistics.bytesOut.add(bytes.count)
        } else {
            sendRest(connection, bytes, transfer)
        }
    }

    /// A send took a part or nothing.
    @inline(never)
    private func sendRest(_ connection: Connection, _ bytes: ByteSlice, _ transfer: Transfer) {
        let state = connection.state
        let sent = max(0, transfer.bytes)
        statistics.bytesOut.add(sent)
        guard transfer.bytes >= 0 || transfer.wouldBlock else { return close(connection) }
        state.pointee.pending.append(bytes.dropFirst(sent))
        state.pointee.isWriteBlocked = true
        state.pointee.lastProgress = core.pointee.now
        checkOutputLimit(connection)
    }

    /// Sends at once what waits, and then what the writer holds for this connection from `begin` on; what the socket
    /// does not take is kept for later. Empties the writer.
    func flush(_ connection: Connection, from begin: Int) {
        let state = connection.state
        sendDeferred()
        if state.pointee.pending.isEmpty, writer.pointee.isContiguous {
            send(connection, writer.pointee.slice.dropFirst(begin))
        } else {
            state.pointee.pending.append(writer.pointee, from: begin)
            flushPending(connection)
        }
        emptyWriter()
    }

    /// Sends pending output as long as the socket takes it, up to a bound per turn.
    func flushPending(_ connection: Connection) {
        let state = connection.state
        var budget = 4  // sends of at most a megabyte or so
        while !state.pointee.isWriteBlocked, !state.pointee.pending.isEmpty {
            if budget == 0 {
                touch(connection)  // goes on in the next turn, which then does not wait
                break
            }
            budget -= 1
            let transfer = state.pointee.pending.send(to: state.pointee.descriptor)
            statistics.writes.add(1)
            if transfer.bytes > 0 {
                statistics.bytesOut.add(transfer.bytes)
                connection.lastInteraction.set(core.pointee.now)
                state.pointee.lastProgress = core.pointee.now
            } else if transfer.wouldBlock {
                state.pointee.isWriteBlocked = true
            } else {
                return close(connection)
            }
        }
        if state.pointee.pending.isEmpty, state.pointee.closeAfterReply { return close(connection) }
        checkOutputLimit(connection)
    }

    /// Appends what `body` writes to the connection's output. See `Connection.enqueueOutput`.
    func enqueue(_ connection: Connection, _ body: (inout ReplyWriter) -> Void) {
        precondition(isCurrent || core.pointee.isStopping, "output for connection \(connection.id) off its loop")
        let state = connection.state
        if state.pointee.isClosed || state.pointee.isClosing { return }
        if executing === connection {
            // Behind the replies that this batch has written so far.
            return body(&writer.pointee)
        }
        // Replies that wait come first.
        sendDeferred()
        if state.pointee.isClosed { return }
        var own = ReplyWriter(capacity: 256)
        own.version = state.pointee.protocolVersion
        body(&own)
        state.pointee.pending.append(own, from: 0)
        checkOutputLimit(connection)
        touch(connection)
    }

    /// Appends a part of shared bytes, as above. Nothing is allocated for a connection that waits for nothing else: a
    /// message to very many costs each of them a reference.
    func enqueue(_ connection: Connection, _ bytes: SharedBytes, _ range: Range<Int>) {
        precondition(isCurrent || core.pointee.isStopping, "output for connection \(connection.id) off its loop")
        let state = connection.state
        if state.pointee.isClosed || state.pointee.isClosing { return }
        if executing === connection { return writer.pointee.raw(shared: bytes, range: range) }
        sendDeferred()
        if state.pointee.isClosed { return }
        state.pointee.pending.append(bytes, range)
        checkOutputLimit(connection)
        touch(connection)
    }

    /// Notes the output's size; a client above its limit is closed at the end of the turn.
    func checkOutputLimit(_ connection: Connection) {
        let state = connection.state
        let bytes = state.pointee.pending.count
        connection.outputBytes.set(state.pointee.pending.memoryBytes)
        connection.outputBlocks.set(state.pointee.pending.blockCount)
        account(connection)
        let limit = core.pointee.settings.outputLimits[state.pointee.outputClass.rawValue]
        var isOver = limit.hardBytes > 0 && bytes >= limit.hardBytes
        if limit.softBytes > 0, bytes >= limit.softBytes {
            let now = core.pointee.now
            if state.pointee.softLimitSince == 0 { state.pointee.softLimitSince = now }
            isOver = isOver || now - state.pointee.softLimitSince > limit.softSeconds * 1000
        } else {
            state.pointee.softLimitSince = 0
        }
        if bytes > Self.strangersOutputBytes, !isTrusted(connection) { isOver = true }
        guard isOver, !state.pointee.closeSoon else { return }
        statistics.outputLimitDisconnections.add(1)
        state.pointee.closeSoon = true
        state.pointee.pending.removeAll()
        touch(connection)
    }
}

/// A part of the loop's writer that is a connection's.
struct DeferredReply {
    let connection: Unmanaged<Connection>
    let begin: Int
    let end: Int
}
