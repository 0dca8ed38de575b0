/// Whether a loop asks the tier's filter about a cold key before it has it read.
///
/// A question takes 5 to 6 microseconds of a miss's 35 to 60, for nothing where the key exists: the read asks the same
/// filters. It spares an absent key's call the way through the read threads, some 25 microseconds. So where next to all
/// keys exist only a sample is asked about, and a read that finds the filters' 'no' goes to no device either.
struct FilterUse {
    /// The part of the answers that were 'no', the last ones counting most: in 2^16ths.
    private var noShare: UInt32 = 1 << 16
    private var unasked: UInt32 = 0

    /// Fewer than a sixteenth, and it isn't asked,
    private static let least: UInt32 = 1 << 12
    /// but for every eighth key.
    private static let sample: UInt32 = 8

    mutating func asks() -> Bool {
        if noShare >= Self.least { return true }
        unasked += 1
        if unasked < Self.sample { return false }
        unasked = 0
        return true
    }

    mutating func note(maybe: Bool) {
        noShare -= noShare / 32
        if !maybe { noShare += 1 << 11 }
    }
}
