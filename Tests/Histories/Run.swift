import Bytes
import Glibc
import StorageFaulty

/// Seed and length of the random histories: FIRN_SEED replays one, FIRN_OPERATIONS makes them longer.
enum Run {
    private static func number(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }

    static let seed = number("FIRN_SEED") ?? Entropy.seed() >> 16

    /// As many as the environment says, or else what is usual for this history.
    static func operations(_ usual: Int) -> Int { number("FIRN_OPERATIONS").map { Int($0) } ?? usual }

    /// Prints what repeats the history.
    static func announce(_ test: String, _ operations: Int) {
        print("\(test): FIRN_SEED=\(seed) FIRN_OPERATIONS=\(operations)")
    }
}

extension FaultPlan {
    /// A slow provider that throttles, errs, reorders and says 'maybe' of what isn't there.
    static var nasty: FaultPlan {
        var plan = FaultPlan()
        plan.read.delay = .random(upToNanoseconds: 300_000)
        plan.read.failureProbability = 0.002
        plan.write.delay = .random(upToNanoseconds: 2_000_000)
        plan.write.failureProbability = 0.01
        plan.throttleProbability = 0.01
        plan.falsePositiveProbability = 0.05
        plan.reorderProbability = 0.1
        plan.reorderPatienceNanoseconds = 1_000_000
        return plan
    }
}
