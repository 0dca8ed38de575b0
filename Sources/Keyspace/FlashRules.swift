import Bytes
import Platform
import Synchronization
import Values

// FlashRules: which keys stay in RAM and which leave early, by their names.
//
// No command knows of them. The hand that chooses what leaves RAM (see Spill) asks for the rule of each key that it
// comes to:
//
//   hot   is passed over, as long as the hand finds anything else; see `KeyspaceStore.takesHot`
//   cold  leaves whatever its touches
//
// So that cold keys leave while there is room, too, a second hand looks for those and nothing else, without taking
// anybody's touches: `sweepCold`.

/// Rules by which keys are hot or cold; the first that matches counts.
public struct FlashRules: Sendable {
    public enum Policy: Sendable {
        case standard
        case hot
        case cold
    }

    private struct Rule: Sendable {
        let pattern: GlobPattern
        let policy: Policy
        /// Whether all that begin with the pattern's literal prefix match.
        let isPrefix: Bool
    }

    /// Longer keys are compared with plain prefixes only: a pattern costs up to its length times the key's, under the
    /// shard's lock.
    public static let longestMatchedKey = 4 << 10

    private let rules: [Rule]
    public let hasHot: Bool
    public let hasCold: Bool
    public var count: Int { rules.count }

    /// A pattern without special bytes is a prefix; any other is one as KEYS takes it.
    public init(_ patterns: [(pattern: [UInt8], policy: Policy)]) {
        rules = patterns.map { bytes, policy in
            let pattern = bytes.withSlice { GlobPattern($0) }
            let isPrefix = pattern.isLiteral || pattern.bytes == pattern.literalPrefix + [UInt8(ascii: "*")]
            return Rule(pattern: pattern, policy: policy, isPrefix: isPrefix)
        }
        hasHot = rules.contains { $0.policy == .hot }
        hasCold = rules.contains { $0.policy == .cold }
    }

    /// What the rules say of a key. O(rules), a comparison of a few bytes for most.
    public func policy(of key: ByteSlice) -> Policy {
        for rule in rules where rule.pattern.literalPrefix.withSlice({ key.hasPrefix($0) }) {
            if rule.isPrefix { return rule.policy }
            if key.count <= Self.longestMatchedKey, rule.pattern.matches(key) { return rule.policy }
        }
        return .standard
    }
}

extension KeyspaceStore {
    /// Puts rules in force. Any thread.
    public func setFlashRules(_ rules: FlashRules) {
        flashRules.withLock { $0 = rules.count > 0 ? rules : nil }
        hasFlashRules.store(rules.count > 0, ordering: .relaxed)
        flashRulesVersion.add(1, ordering: .relaxed)
    }

    /// The rules; nil if there are none, which one relaxed load tells.
    public var flashRulesInForce: FlashRules? {
        hasFlashRules.load(ordering: .relaxed) ? flashRules.withLock { $0 } : nil
    }
}

extension LockedKeyspace {
    /// Looks at up to `slots` slots of one table from `tag` on, for keys that a rule calls cold: what is clean is
    /// dropped, what is dirty issued. All others stay as they are. Returns what it did, how many cold keys it saw, and
    /// where to go on; nil at the end of the table. Takes and releases the lock.
    public mutating func sweepCold<Sink: SpillSink & ~Copyable>(
        shard: Int, space: Int, from tag: UInt32, slots: Int, into sink: inout Sink
    ) -> (visit: HandVisit, seen: Int, next: UInt32?) {
        var visit = HandVisit()
        guard let rules = store.flashRulesInForce, rules.hasCold else { return (visit, 0, nil) }
        var scratch = ByteBuffer()
        var seen = 0
        lock(shard)
        defer { unlock(shard) }
        let part = partitions + (space * Position.shardCount + shard)
        var index = part.pointee.table.firstIndex(from: tag)
        var looked = 0
        while looked < slots, index < part.pointee.table.slotCount {
            looked += 1
            let slot = part.pointee.table.slot(at: index)
            guard !slot.isFree, slot.record.residence.isLive, rules.policy(of: slot.record.key) == .cold else {
                index += 1
                continue
            }
            seen += 1
            let outcome = consider(
                slot, index, part, shard, space, wantedBytes: .max, ignoringTouches: true, dropsClean: true, &visit,
                into: &sink, &scratch)
            // Where a record left, those behind it have moved up. A collection that has more to give is come to again.
            if case .again = outcome { continue }
            index += 1
        }
        while index < part.pointee.table.slotCount {
            let slot = part.pointee.table.slot(at: index)
            if !slot.isFree { return (visit, seen, slot.tag) }
            index += 1
        }
        return (visit, seen, nil)
    }
}
