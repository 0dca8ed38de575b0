import Bytes
import CShims
import Platform
import RESP

extension EventLoop {
    /// From this many missing bytes on a bulk is read straight to where it stays.
    private static let directReadBytes = 32 << 10
    /// What one connection may have read in one turn.
    private static let readBytesPerTurn = 256 << 10
    /// Replies that are sent before the next batch of the same turn.
    private static let flushBytes = 64 << 10

    /// One read, and all that follows from it.
    @inline(__always)
    func receive(_ connection: Connection, _ flags: Poller.Interest) {
        let state = connection.state
        if state.pointee.isParked || state.pointee.isClosing {
            return postpone(connection, flags)
        }
        // Its edge comes once, whatever lies before it to be read.
        if flags.contains(.peerClosed) { state.pointee.peerClosed = true }
        let missing = state.pointee.parser.missingBytes
        if missing >= Self.directReadBytes { return receiveDirectly(connection, missing) }
        let input = core.pointee.input + core.pointee.receivedBytes
        let room = Self.sharedInputBytes - core.pointee.receivedBytes
        let transfer = Socket.receive(state.pointee.descriptor, into: input, room: room)
        statistics.reads.add(1)
        let n = transfer.bytes
        guard n > 0 else { return ended(connection, transfer) }
        if n == room || state.pointee.peerClosed { listForInput(connection) }
        statistics.bytesIn.add(n)
        connection.lastInteraction.set(core.pointee.now)
        let bytes = ByteSlice(base: input, count: n)
        if state.pointee.query.isEmpty {
            gather(connection, bytes)
        } else {
            state.pointee.query.append(bytes)
            process(connection, state.pointee.query.slice, isPrivate: true)
        }
    }

    /// Connections whose input is gathered before it is executed, and the room that the next read must find.
    private static let gatheredConnections = 16
    private static let gatheredRoom = 16 << 10

    /// Leaves input in the loop's buffer until a few connections' is there. With one request from each, what a
    /// request looks at in memory is not in the cache; told of several, the service can have all of it fetched at once.
    @inline(__always)
    private func gather(_ connection: Connection, _ bytes: ByteSlice) {
        service.announce(bytes, of: connection, number: core.pointee.received.count)
        core.pointee.received.append(ReceivedInput(connection: .passUnretained(connection), bytes: bytes))
        core.pointee.receivedBytes += bytes.count
        if core.pointee.received.count == Self.gatheredConnections
            || core.pointee.receivedBytes > Self.sharedInputBytes - Self.gatheredRoom
        {
            processReceived()
        }
    }

    /// Executes what was gathered.
    func processReceived() {
        let count = core.pointee.received.count
        core.pointee.unixNow = Clock.unixMilliseconds()
        service.announced(on: self)
        for index in 0..<count {
            let input = core.pointee.received[index]
            // Held by the loop's lists until the turn has ended.
            input.connection._withUnsafeGuaranteedRef { connection in
                if !connection.isClosed { process(connection, input.bytes, isPrivate: false) }
            }
        }
        core.pointee.received.removeAll(keepingCapacity: true)
        core.pointee.receivedBytes = 0
    }

    /// Input came that can't be looked at now.
    private func postpone(_ connection: Connection, _ flags: Poller.Interest) {
        let state = connection.state
        state.pointee.inputWaits = true
        if !flags.isDisjoint(with: [.failed, .hungUp]) { return close(connection) }
        guard flags.contains(.peerClosed), !state.pointee.peerClosed else { return }
        state.pointee.peerClosed = true
        if state.pointee.isParked, service.peerClosed(connection) { close(connection) }
    }

    /// Makes room in the query buffer for a bulk of which so many bytes are missing, `behind` bytes that are there and
    /// about to be appended.
    ///
    /// The buffer grows to eight times what has come (or a megabyte), not to the length that the client claims: so
    /// claims cost a client bytes, and all copying together is at most an eighth of the bulk. The room is made, and
    /// counts as the connection's memory, as soon as the claim is read: who looks at it then sees what is to come, as
    /// in Redis.
    private func makeRoom(_ connection: Connection, _ missing: Int, behind: Int = 0) {
        let state = connection.state
        let come = state.pointee.query.count + behind
        if state.pointee.query.capacity - come >= min(missing, Self.readBytesPerTurn) { return }
        state.pointee.query.reserveExactly(behind + min(missing, max(1 << 20, come * 8)))
    }

    /// Reads a part of a large bulk to where it stays.
    private func receiveDirectly(_ connection: Connection, _ missing: Int) {
        let state = connection.state
        makeRoom(connection, missing)
        let target = state.pointee.query.writableTail(min(missing, Self.readBytesPerTurn))
        let asked = min(target.count, missing, Self.readBytesPerTurn)
        guard let base = target.baseAddress else { return }
        let transfer = Socket.receive(state.pointee.descriptor, into: base, room: asked)
        statistics.reads.add(1)
        guard transfer.bytes > 0 else { return ended(connection, transfer) }
        state.pointee.query.didAppend(transfer.bytes)
        statistics.bytesIn.add(transfer.bytes)
        connection.lastInteraction.set(core.pointee.now)
        listForInput(connection)
        process(connection, state.pointee.query.slice, isPrivate: true)
    }

    /// A read brought nothing.
    private func ended(_ connection: Connection, _ transfer: Transfer) {
        if transfer.wouldBlock { return }
        // Replies that wait in the writer may be this client's.
        endTurnOfWriter()
        let state = connection.state
        if state.pointee.isClosed { return }
        if transfer.bytes == 0, !state.pointee.pending.isEmpty {
            // The client has sent all it wanted and still gets its replies.
            state.pointee.closeAfterReply = true
            state.pointee.lastProgress = core.pointee.now
            return
        }
        close(connection)
    }

    func listForInput(_ connection: Connection) {
        if connection.state.pointee.isListedForInput { return }
        connection.state.pointee.isListedForInput = true
        core.pointee.inputList.append(connection)
    }

    /// A parked connection goes on; anything else is left as it is.
    func unpark(_ connection: Connection) {
        let state = connection.state
        guard state.pointee.isParked else { return }
        state.pointee.isParked = false
        process(connection, state.pointee.query.slice, isPrivate: true)
        if state.pointee.inputWaits, !state.pointee.isClosed, !state.pointee.isParked {
            state.pointee.inputWaits = false
            listForInput(connection)
        }
    }

    /// Parses `input` and has it executed, batch by batch; keeps what is left and sends the replies.
    ///
    /// - Parameter isPrivate: the bytes are those of the connection's query buffer; else of the loop's.
    func process(_ connection: Connection, _ input: ByteSlice, isPrivate: Bool) {
        // What the input of one connection took is settled before another asks who is there.
        if core.pointee.haveConnectionsGrown { settleGrowth() }
        let state = connection.state
        if isPrivate { core.pointee.unixNow = Clock.unixMilliseconds() }
        core.pointee.limits.isAuthenticated = isTrusted(connection)
        core.pointee.executingBytes = input.count
        writer.pointee.version = state.pointee.protocolVersion
        // Before it stand replies of this turn to other connections.
        var begin = writer.pointee.count
        core.pointee.replyBegin = begin
        writer.pointee.bound = outputBound(connection, from: begin)
        var consumed = 0
        parsing: while consumed < input.count {
            batch.pointee.removeAll()
            let outcome = state.pointee.parser.parse(
                input, from: consumed, into: &batch.pointee, limits: core.pointee.limits)
            let start = consumed
            consumed = state.pointee.parser.consumed
            if batch.pointee.count > 0, !execute(connection, start, &consumed) { break }
            switch outcome {
            case .full: core.pointee.unixNow = Clock.unixMilliseconds()
            case .needsMore: break parsing
            case .failed(let error):
                refuse(connection, error)
                break parsing
            }
            core.pointee.limits.isAuthenticated = isTrusted(connection)
            if writer.pointee.count >= Self.flushBytes {
                if dropsOutput(connection, from: begin) { break }
                flush(connection, from: begin)
                begin = 0
                core.pointee.replyBegin = 0
                writer.pointee.bound = outputBound(connection, from: begin)
                if state.pointee.isClosed { return }
                if state.pointee.closeSoon { break }
            }
        }
        keep(connection, input, consumed, isPrivate)
        if writer.pointee.count > begin, !dropsOutput(connection, from: begin) { reply(connection, from: begin) }
        if state.pointee.isClosing, !state.pointee.isClosed { settleClosing(connection) }
    }

    /// Executes the batch; false if nothing behind it is to be looked at now. `consumed` is moved back to a parked
    /// request.
    @inline(__always)
    private func execute(_ connection: Connection, _ start: Int, _ consumed: inout Int) -> Bool {
        let state = connection.state
        statistics.batches.add(1)
        core.pointee.executing = .passUnretained(connection)
        let outcome = service.execute(connection, batch, reply: writer)
        core.pointee.executing = nil
        state.pointee.protocolVersion = writer.pointee.version
        if case .parked(let request) = outcome {
            statistics.requests.add(request)
            statistics.parks.add(1)
            consumed = batch.pointee.start(of: request)
            state.pointee.parser.reset()
            state.pointee.isParked = true
            // The end came with the bytes: nobody will report it again.
            if state.pointee.peerClosed, service.peerClosed(connection) { state.pointee.closeSoon = true }
            return false
        }
        statistics.requests.add(batch.pointee.count)
        return !state.pointee.isClosing
    }

    /// Whether the limits for strangers do not apply.
    @inline(__always)
    func isTrusted(_ connection: Connection) -> Bool {
        connection.state.pointee.isAuthenticated || !core.pointee.settings.asksForPassword
    }

    private func refuse(_ connection: Connection, _ error: ProtocolError) {
        statistics.protocolErrors.add(1)
        writer.pointee.error(error.text)
        connection.state.pointee.closeAfterReply = true
        service.protocolError(connection, error)
    }

    /// Keeps the bytes that no executed request has used.
    @inline(__always)
    private func keep(_ connection: Connection, _ input: ByteSlice, _ consumed: Int, _ isPrivate: Bool) {
        if !isPrivate, consumed == input.count { return }
        keepSlowly(connection, input, consumed, isPrivate)
    }

    @inline(never)
    private func keepSlowly(_ connection: Connection, _ input: ByteSlice, _ consumed: Int, _ isPrivate: Bool) {
        let state = connection.state
        let missing = state.pointee.parser.missingBytes
        if isPrivate {
            state.pointee.query.consume(consumed)
            if missing >= Self.directReadBytes { makeRoom(connection, missing) }
        } else {
            let rest = input.dropFirst(consumed)
            if missing >= Self.directReadBytes { makeRoom(connection, missing, behind: rest.count) }
            state.pointee.query.append(rest)
        }
        let count = state.pointee.query.count
        if count == 0 || state.pointee.isClosing { state.pointee.query.release() }
        connection.queryBufferBytes.set(state.pointee.query.count)
        connection.queryBufferFreeBytes.set(state.pointee.query.capacity - state.pointee.query.count)
        connection.parsedBytes.set(min(state.pointee.parser.parsedBytes, state.pointee.query.count))
        account(connection)
        if count > core.pointee.settings.queryBufferLimitBytes, !state.pointee.isParked {
            statistics.queryLimitDisconnections.add(1)
            state.pointee.closeSoon = true
        }
    }

    /// After a close flag was set in this turn.
    private func settleClosing(_ connection: Connection) {
        let state = connection.state
        state.pointee.lastProgress = core.pointee.now
        if state.pointee.closeSoon || state.pointee.pending.isEmpty { close(connection) }
    }
}

/// Bytes of the loop's input buffer that came from a connection and are not executed yet.
struct ReceivedInput {
    let connection: Unmanaged<Connection>
    let bytes: ByteSlice
}
