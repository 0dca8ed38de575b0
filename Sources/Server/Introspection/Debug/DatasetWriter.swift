import Bytes
import Keyspace
import Platform
import Tiering
import Values

/// Puts many records into the keyspace from a control thread, at the pace at which the flash tier takes them.
struct DatasetWriter: ~Copyable {
    private var keyspace: LockedKeyspace
    private let tier: Tier?

    /// `ledger` must be the caller's alone meanwhile.
    init(core: ServerCore, ledger: Ledger) {
        keyspace = LockedKeyspace(store: core.store, ledger: ledger)
        keyspace.accessClock.mode = core.accessMode.withLock { $0 }
        tier = core.tier
    }

    /// Gives the record's key the record, which becomes the keyspace's. `access`: its access word, nil for that of a
    /// new key.
    mutating func put(_ record: Record, database: Int, access: UInt32? = nil) {
        tier?.evaluate()
        while let tier, tier.mustWait, tier.refusalText == nil { Clock.sleep(nanoseconds: 1_000_000) }
        let now = Clock.unixMilliseconds()
        keyspace.now = now
        keyspace.accessClock.seconds = UInt32(truncatingIfNeeded: now / 1000)
        let position = keyspace.store.placement.position(of: record.key)
        keyspace.lock(position.shard)
        let space = keyspace.store.space(ofDatabase: database)
        keyspace.set(KeyRef(bytes: record.key, position: position, space: space), record)
        if let access { record.access = access }
        keyspace.unlock(position.shard)
    }

    /// The word that says 'idle for so long' or 'used so often', as the policy counts.
    func accessWord(idleSeconds: UInt64?, frequency: UInt8?) -> UInt32? {
        switch keyspace.accessClock.mode {
        case .lru: idleSeconds.map { keyspace.accessClock.word(idleSeconds: Int64(min($0, 0xff_ffff))) }
        case .lfu: frequency.map { keyspace.accessClock.word(frequency: Int($0)) }
        }
    }
}
