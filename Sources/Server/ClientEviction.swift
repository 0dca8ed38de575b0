import Configuration
import Frontend
import Platform
import Synchronization

/// `maxmemory-clients`: closes connections when all of them together take too much memory, the largest first.
///
/// Each loop keeps the sum of its connections' memory and asks here when it has grown, before it executes anything
/// for another connection. Only when the limit is reached is anybody looked at one by one. A connection that is asked
/// to close counts no more, so that the loops, which close theirs when their turns come, aren't overtaken by a second
/// round.
final class ClientEviction: Sendable {
    /// Below this nobody could ask for anything any more; as in Redis.
    private static let leastLimit = 128 << 10

    private let limit = Atomic<Int>(0)
    private let evicting = Monitor(())
    /// Connections closed since the start.
    let evicted = Atomic<Int>(0)
    /// Memory of connections that have been asked to close and are still there.
    let leavingBytes = Atomic<Int>(0)

    func configure(_ share: MemoryShare, maxMemory: Int) {
        let bytes = share.bytes(ofMaxMemory: maxMemory)
        limit.store(bytes > 0 ? max(bytes, Self.leastLimit) : 0, ordering: .relaxed)
    }

    /// Closes connections if there is need to. Any thread, without locks.
    @inline(__always)
    func relieve(_ core: ServerCore) {
        let maximum = limit.load(ordering: .relaxed)
        if maximum > 0, core.loops.total({ $0.connectionBytes.current }) >= maximum { evict(core, maximum) }
    }

    /// A connection is gone or was leaving anyway.
    func left(_ session: ClientSession) {
        let bytes = session.leavingBytes.exchange(0, ordering: .relaxed)
        if bytes > 0 { leavingBytes.subtract(bytes, ordering: .relaxed) }
    }

    private func evict(_ core: ServerCore, _ maximum: Int) {
        evicting.withLock { _ in
            var candidates = core.sessions().filter { $0.outputClassShown != .replica }
                .map { (session: $0, bytes: $0.memoryBytes) }
            var sum = candidates.reduce(0) { $0 + $1.bytes }
            candidates.removeAll { $0.session.isExemptFromEviction.load(ordering: .relaxed) }
            candidates.sort { $0.bytes > $1.bytes }
            for (session, bytes) in candidates {
                if sum < maximum { return }
                session.leavingBytes.store(bytes, ordering: .relaxed)
                leavingBytes.add(bytes, ordering: .relaxed)
                guard session.requestClose() else {
                    left(session)
                    continue
                }
                sum -= bytes
                evicted.add(1, ordering: .relaxed)
                core.log.notice("Evicting client: id=\(session.id) addr=\(session.peerAddress) tot-mem=\(bytes)")
            }
            if sum >= maximum { core.log.warning("Over client maxmemory after evicting all evictable clients") }
        }
    }
}
