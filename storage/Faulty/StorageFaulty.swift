// StorageFaulty: wraps any provider and makes it slow, unreliable and surprising, in ways the protocol allows.
//
// - `FaultPlan` says what goes wrong and how often. Each call has a kind and a number (the first read is number 1);
//   what happens to it is drawn from the seed, the kind and the number alone. So the same seed and the same order of
//   calls give the same faults, whatever the threads' timing in between.
// - Gates hold calls at a defined point until the test lets them go: directed races.
// - `breakDown` is a background failure: health says so, writes and flushes throw until it is repaired and resumed.
//
// A write that fails applied nothing: the fault comes before the wrapped provider is asked.
import Bytes
import Glibc
import Storage

/// What goes wrong.
public struct FaultPlan: Sendable {
    /// How long a call takes on top.
    public enum Delay: Sendable, Equatable {
        case none
        case fixed(nanoseconds: Int64)
        /// Between 0 and the limit, evenly.
        case random(upToNanoseconds: Int64)
    }

    /// The faults of one kind of call.
    public struct Faults: Sendable {
        public var delay = Delay.none
        /// Numbers of calls that fail, counted from the provider's start, the first being 1.
        public var failing: Set<Int> = []
        /// Every so-manieth call fails too; 0: none.
        public var failingEvery = 0
        /// The share of the other calls that fail, 0 to 1.
        public var failureProbability = 0.0
        public var error = StorageError(.inputOutput, "injected fault")
        public init() {}
    }

    public var read = Faults()
    public var write = Faults()
    public var flush = Faults()
    public var checkpoint = Faults()
    /// Each step of a cursor.
    public var step = Faults()
    /// The share of keys read that answer `.throttled`.
    public var throttleProbability = 0.0
    /// The share of absent keys that `mayContain` says may be there.
    public var falsePositiveProbability = 0.0
    /// The share of writes that wait until others, which came later or are under way, have finished.
    public var reorderProbability = 0.0
    /// A write that waits lets 1 to this many others pass.
    public var reorderLimit = 4
    /// It waits no longer than this, as there may be no other writer.
    public var reorderPatienceNanoseconds: Int64 = 5_000_000

    /// What `backlog` says; nil: what the wrapped provider says.
    public var backlog: Double?

    public init() {}
}

/// Kinds of calls, numbered separately.
public enum FaultyCall: Int, Sendable, CaseIterable {
    case read, write, flush, checkpoint, step, question
}

/// Where a call can be held.
public enum FaultyGate: Int, Sendable, CaseIterable {
    /// The wrapped provider has not been asked yet.
    case beforeRead
    /// The answer is there, the caller doesn't have it yet.
    case afterRead
    /// Nothing is applied yet.
    case beforeWrite
    /// Applied, not confirmed.
    case afterWrite
    case beforeFlush
    case beforeCheckpoint
    /// The cursor is open, its next record not read yet.
    case beforeStep
}

/// Chance that depends on a seed and the call alone.
struct Dice {
    let seed: UInt64

    /// 64 bits for the `index`-th use within call `number` of `kind` (the finaliser of Stafford's variant 13, as in
    /// SplitMix64).
    func bits(_ kind: FaultyCall, _ number: Int, _ index: Int) -> UInt64 {
        var z = seed &+ UInt64(bitPattern: Int64(number)) &* 0x9e37_79b9_7f4a_7c15
        z = z &+ UInt64(kind.rawValue + 1) &* 0xd1b5_4a32_d192_ed03
        z = z &+ UInt64(bitPattern: Int64(index)) &* 0x8cb9_2ba7_2f3d_8dd7
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// Whether something of `probability` happens.
    func happens(_ probability: Double, _ kind: FaultyCall, _ number: Int, _ index: Int) -> Bool {
        // 53 bits, as many as a Double holds: 0 never happens, 1 always does.
        probability > 0 && Double(bits(kind, number, index) >> 11) < probability * 9_007_199_254_740_992
    }
}

/// Seed of a run: `FIRN_FAULT_SEED` if set, else chosen by chance. Says so on standard error.
func chooseSeed() -> UInt64 {
    let given = getenv("FIRN_FAULT_SEED").flatMap { UInt64(String(cString: $0)) }
    let seed = given ?? UInt64.random(in: .min ... .max)
    let line = "FaultyProvider: FIRN_FAULT_SEED=\(seed)\n"
    line.withSlice { _ = Glibc.write(2, $0.base, $0.count) }
    return seed
}
