import Glibc

/// How fast records may go to the provider, so that its upkeep keeps up and it never has them wait.
///
/// A provider whose compactions have fallen behind stops all writes until one of them has ended, which takes minutes
/// when it is a large one. So batches are put off before that, the longer the further it is behind: the rate falls from
/// more than any device takes to one that is slow but steady, by the same factor for each percent of backlog. The
/// backlog settles where as much comes as is worked off, and nothing need be known of the device.
enum SpillPace {
    /// Bytes a second just above no backlog,
    static let fastest = 512.0 * 1_048_576
    /// and at a full one. A batch waits for a sixteenth of a second then.
    static let slowest = 8.0 * 1_048_576

    /// Nanoseconds for which a batch of so many bytes waits. `backlog`: 0 to 1.
    static func pause(bytes: Int, backlog: Double) -> Int64 {
        if backlog <= 0 { return 0 }
        let rate = fastest * pow(slowest / fastest, min(backlog, 1))
        return Int64(Double(bytes) / rate * 1e9)
    }
}
