import Keyspace
import Storage
import Synchronization

/// The hand that looks for keys which a rule calls cold (Keyspace/FlashRules), whether or not memory is short.
///
/// Without such rules it does nothing. With them it walks all tables at a bounded pace, a share with each wake-up of
/// the spiller, and rests after a turn in which it met none, until something has changed or come back from flash.
struct ColdSweep: ~Copyable {
    /// Slots that are looked at with each wake-up of the spiller, fifty times a second: 400,000 a second, some 4 % of a
    /// processor.
    static let slotsPerRound = 8_192
    /// Slots that are looked at under a shard's lock at a time: a few tens of microseconds.
    static let slotsPerVisit = 256
    /// What a visit costs at least, in slots: the lock of an empty table.
    private static let leastSlots = 8

    private var isResting = true
    /// What had happened when the turn began.
    private var activity = -1
    private var spaces: [Int] = []
    private var space = 0
    private var shard = 0
    private var tag: UInt32 = 0
    private var seen = 0

    init() {}

    /// One round. `writing` is held.
    mutating func run(_ tier: Tier, _ pass: inout SpillPass) throws(StorageError) {
        guard let rules = tier.store.flashRulesInForce, rules.hasCold else {
            isResting = true
            activity = -1
            return
        }
        if isResting, !begin(tier) { return }
        var slots = Self.slotsPerRound
        while slots > 0 {
            guard space < spaces.count else {
                // Some of those that were sent away may have been in use: another turn, until one meets none.
                isResting = true
                if seen > 0 { activity = -1 }
                return
            }
            let share = min(slots, Self.slotsPerVisit)
            let (found, next) = try pass.sweep(shard: shard, space: spaces[space], from: tag, slots: share)
            seen += found
            slots -= next == nil ? Self.leastSlots : share
            tag = next ?? 0
            guard next == nil else { continue }
            shard += 1
            if shard == Position.shardCount {
                shard = 0
                space += 1
            }
        }
    }

    /// Begins a turn if anything has happened that may have brought cold keys to RAM.
    private mutating func begin(_ tier: Tier) -> Bool {
        let now = tier.store.total { $0.changes.load(ordering: .relaxed) }
            + tier.faultIn.found.load(ordering: .relaxed) + tier.warmUp.read.load(ordering: .relaxed)
            + tier.store.flashRulesVersion.load(ordering: .relaxed)
        guard now != activity else { return false }
        activity = now
        isResting = false
        spaces = tier.store.spacesInUse()
        space = 0
        shard = 0
        tag = 0
        seen = 0
        return true
    }
}
