import Configuration
import Keyspace
import Platform
import Synchronization
import Values

/// `maxmemory` without a flash tier: deletes keys by policy until there is room, as Redis does.
///
/// Samples like Redis: `maxmemory-samples` records at a random place, of which the best candidate goes. One thread
/// evicts at a time; others meanwhile go on if they are below the limit.
final class Eviction: Sendable {
    private struct State {
        var limit = 0
        var policy = EvictionPolicy.noEviction
        var samples = 5
        var random: UInt64 = 0x2545_f491_4f6c_dd1d
    }
    private let state = Monitor(State())
    /// `maxmemory`, 0 for none: read on every write.
    private let limit = Atomic<Int>(0)
    private let store: KeyspaceStore

    init(store: KeyspaceStore) { self.store = store }

    func configure(limit: Int, policy: EvictionPolicy, samples: Int) {
        state.withLock { state in
            state.limit = limit
            state.policy = policy
            state.samples = max(1, samples)
        }
        self.limit.store(limit, ordering: .relaxed)
    }

    /// Whether a command that may take memory can run: evicts if it has to. False: there is nothing to evict.
    @inline(__always)
    func makeRoom(_ worker: LoopWorker) -> Bool {
        limit.load(ordering: .relaxed) == 0 || makeRoomSlow(worker)
    }

    private func makeRoomSlow(_ worker: LoopWorker) -> Bool {
        let maximum = limit.load(ordering: .relaxed)
        if store.memoryBytes <= maximum { return true }
        return state.withLock { state in
            guard state.policy != .noEviction else { return false }
            // Each try samples another place; many empty ones in a row mean that nothing is left to evict.
            var failures = 0
            while store.memoryBytes > maximum {
                failures = evictOne(&state, worker) ? 0 : failures + 1
                if failures > 16 * Position.shardCount { return false }
            }
            return true
        }
    }

    private func evictOne(_ state: inout State, _ worker: LoopWorker) -> Bool {
        state.random ^= state.random << 13
        state.random ^= state.random >> 7
        state.random ^= state.random << 17
        let position = Position(bits: UInt32(truncatingIfNeeded: state.random >> 16))
        let space = Int(truncatingIfNeeded: state.random >> 48) % store.databases
        return worker.context.pointee.keyspace.evict(
            near: position, space: space, samples: state.samples, Self.rank(state.policy))
    }

    /// How much a policy wants a key gone; nil: not at all.
    private static func rank(_ policy: EvictionPolicy) -> EvictionRank {
        switch policy {
        case .volatileLRU: EvictionRank(onlyExpiring: true, by: .idle)
        case .volatileLFU: EvictionRank(onlyExpiring: true, by: .infrequent)
        case .volatileRandom: EvictionRank(onlyExpiring: true, by: .nothing)
        case .volatileTTL: EvictionRank(onlyExpiring: true, by: .soonest)
        case .allKeysLRU: EvictionRank(onlyExpiring: false, by: .idle)
        case .allKeysLFU: EvictionRank(onlyExpiring: false, by: .infrequent)
        case .allKeysRandom, .noEviction: EvictionRank(onlyExpiring: false, by: .nothing)
        }
    }
}
