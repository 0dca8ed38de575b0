import Bytes
import CShims
import Platform
import RESP

extension EventLoop {
    /// Connections taken from one listener per turn.
    private static let acceptsPerTurn = 64
    /// How long a connection that is to be closed may stand still before its last output is given up.
    private static let lingerMilliseconds = 60_000

    // MARK: Accepting

    func addListener(_ fd: Int32) throws(SystemError) {
        core.pointee.listeners.append(fd)
        try core.pointee.poller.add(fd, token: UInt64(core.pointee.listeners.count), .readable)
    }

    /// Takes other TCP listeners in place of those it has; Unix sockets stay. Who waits at the old ones is still let
    /// in.
    func replaceListeners(_ fresh: [Int32]) {
        guard !core.pointee.isStopping else {
            for fd in fresh { Socket.close(fd) }
            return
        }
        var kept: [Int32] = []
        for (index, fd) in core.pointee.listeners.enumerated() {
            if case .unix = Socket.localAddress(fd) {
                kept.append(fd)
            } else {
                acceptAll(index)
                Socket.close(fd)
            }
        }
        core.pointee.listeners = []
        for fd in kept {
            core.pointee.listeners.append(fd)
            // As in `watchListeners`. The descriptor's place in the list has changed.
            try? core.pointee.poller.modify(fd, token: UInt64(core.pointee.listeners.count), .readable)
        }
        for fd in fresh {
            do throws(SystemError) {
                try addListener(fd)
            } catch {
                // No kernel memory for one more watch: the other loops' listeners share the port.
                core.pointee.listeners.removeLast()
                Socket.close(fd)
            }
        }
    }

    /// Takes what waits at a listener and gives it to the loops.
    func acceptAll(_ listener: Int) {
        for _ in 0..<Self.acceptsPerTurn {
            switch Socket.accept(core.pointee.listeners[listener]) {
            case .connection(let fd, let peer): admit(fd, peer)
            case .gone: continue
            case .wouldBlock: return
            case .exhausted:
                // The listener stays ready, and would wake the loop for nothing until a descriptor is free.
                core.pointee.isAcceptingPaused = true
                watchListeners([])
                return
            }
        }
    }

    private func watchListeners(_ interest: Poller.Interest) {
        for (index, fd) in core.pointee.listeners.enumerated() {
            // Changing what is watched of a watched descriptor fails only for lack of kernel memory: then the next tick
            // tries again, and until then the old interest stays.
            try? core.pointee.poller.modify(fd, token: UInt64(index + 1), interest)
        }
    }

    private func admit(_ fd: Int32, _ peer: SocketAddress) {
        let settings = core.pointee.settings
        if !group.claimClient(limit: settings.maximumClients) {
            return turnAway(fd, ErrorText.maxClients)
        }
        if settings.refusesRemotePeers, !peer.isLocal {
            group.releaseClient()
            return turnAway(fd, ErrorText.protectedMode)
        }
        statistics.connectionsReceived.add(1)
        if case .internet = peer {
            Socket.setNoDelay(fd)
            Socket.setKeepAlive(fd, seconds: settings.keepAliveSeconds)
        }
        let target = group.loop(for: self, settings)
        target.statistics.clients.wrappingAdd(1, ordering: .relaxed)
        if target === self {
            adopt(fd, peer)
        } else {
            target.post { target.adopt(fd, peer) }
        }
    }

    private func turnAway(_ fd: Int32, _ text: StaticString) {
        statistics.connectionsRejected.add(1)
        var reply = ReplyWriter(capacity: 1024)
        reply.error(text)
        // Best effort: who does not get it sees the connection closed.
        _ = Socket.send(fd, reply.slice.base, count: reply.count)
        Socket.close(fd)
    }

    /// A connection begins its life here.
    func adopt(_ fd: Int32, _ peer: SocketAddress) {
        let seed = ConnectionSeed(
            loop: self, descriptor: fd, id: group.nextIdentifier(), peer: peer, local: Socket.localAddress(fd))
        let connection = service.makeConnection(seed)
        let state = connection.state
        connection.noteFootprint()
        state.pointee.index = core.pointee.connections.count
        core.pointee.connections.append(connection)
        registry.withLock { $0.append(connection) }
        connection.lastInteraction.set(core.pointee.now)
        account(connection)
        service.opened(connection)
        do {
            let token = UInt64(UInt(bitPattern: Unmanaged.passUnretained(connection).toOpaque()))
            try core.pointee.poller.add(fd, token: token, [.readable, .writable, .peerClosed, .edgeTriggered])
            if core.pointee.isStopping { close(connection) }
        } catch {
            close(connection)
        }
    }

    // MARK: Closing

    /// Ends the connection now. The object lives at least until the end of the turn.
    func close(_ connection: Connection) {
        let state = connection.state
        if state.pointee.isClosed { return }
        let bytes = state.pointee.accountedBytes
        state.pointee.isClosed = true
        state.pointee.isParked = false
        state.pointee.query.release()
        state.pointee.pending.removeAll()
        state.pointee.parser.reset()
        connection.queryBufferBytes.set(0)
        connection.queryBufferFreeBytes.set(0)
        connection.outputBytes.set(0)
        connection.outputBlocks.set(0)
        account(connection)
        // First the graveyard: an event's handler holds no reference of its own, and the list's may be the last.
        core.pointee.graveyard.append(connection)
        remove(connection, at: state.pointee.index)
        statistics.clients.wrappingSubtract(1, ordering: .relaxed)
        group.releaseClient()
        service.closed(connection, holding: bytes)
        // Last: who sees the end finds the connection in no list and no count.
        Socket.close(state.pointee.descriptor)
    }

    private func remove(_ connection: Connection, at index: Int) {
        let last = core.pointee.connections.count - 1
        core.pointee.connections[index] = core.pointee.connections[last]
        core.pointee.connections[index].state.pointee.index = index
        core.pointee.connections.removeLast()
        registry.withLock { list in
            list[index] = list[last]
            list.removeLast()
        }
    }

    /// The group stops: no more connections, one last attempt to send for each that is there.
    func stop() {
        core.pointee.isStopping = true
        for fd in core.pointee.listeners { Socket.close(fd) }
        core.pointee.listeners = []
    }

    func closeAll() {
        readInboxForStop()
        for connection in core.pointee.connections {
            connection.state.pointee.isWriteBlocked = false
            if !connection.state.pointee.pending.isEmpty { flushPending(connection) }
            close(connection)
        }
        core.pointee.graveyard.removeAll()
        core.pointee.touched.removeAll()
        core.pointee.inputList.removeAll()
    }

    /// Connections that were handed over to this loop while it stopped are closed with the others.
    private func readInboxForStop() {
        var connections: [Connection] = []
        for job in inbox.drain(&connections) { job() }
    }

    // MARK: The tick

    func tick() {
        core.pointee.nextTick = core.pointee.now + Self.tickMilliseconds
        if core.pointee.isAcceptingPaused {
            core.pointee.isAcceptingPaused = false
            watchListeners(.readable)
        }
        walkConnections()
        shrinkWriter()
        service.tick(self)
    }

    /// Looks at a part of the connections, so that each has its turn about once a second.
    private func walkConnections() {
        var left = max(16, core.pointee.connections.count / 10 + 1)
        while left > 0, !core.pointee.connections.isEmpty {
            left -= 1
            if core.pointee.walk >= core.pointee.connections.count {
                core.pointee.walk = 0
                if left < core.pointee.connections.count { break }
            }
            let connection = core.pointee.connections[core.pointee.walk]
            core.pointee.walk += 1
            inspect(connection)
        }
    }

    private func inspect(_ connection: Connection) {
        let state = connection.state
        let now = core.pointee.now
        if state.pointee.isClosing, now - state.pointee.lastProgress > Self.lingerMilliseconds {
            return close(connection)
        }
        if state.pointee.softLimitSince > 0 { checkOutputLimit(connection) }
        let timeout = core.pointee.settings.idleTimeoutSeconds
        guard timeout > 0, !state.pointee.isParked, !state.pointee.isExemptFromIdleTimeout,
            state.pointee.outputClass == .normal, now - connection.lastInteraction.current > timeout * 1000
        else { return }
        statistics.idleDisconnections.add(1)
        close(connection)
    }
}
