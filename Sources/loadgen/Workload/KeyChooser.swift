import Glibc

/// Draws key indices from a range: evenly, or so that a few are popular.
///
/// A value without state but its constants: the same `Random` draws the same keys, which is how replies to
/// MGET are checked.
struct KeyChooser {
    enum Shape: Equatable {
        case uniform
        /// Rank r is drawn with probability proportional to 1 / r^theta; 0 < theta < 1.
        case zipf(theta: Double)
    }

    let range: Range<UInt64>
    private let zipf: Zipf?

    init(range: Range<UInt64>, shape: Shape) {
        precondition(!range.isEmpty, "no keys to choose from: \(range)")
        self.range = range
        switch shape {
        case .uniform: zipf = nil
        case .zipf(let theta): zipf = Zipf(count: UInt64(range.count), theta: theta)
        }
    }

    @inline(__always)
    func next(_ random: inout Random) -> UInt64 {
        guard let zipf else { return range.lowerBound + random.below(UInt64(range.count)) }
        // Scrambled as in YCSB: the popular ranks lie anywhere in the key range, not side by side.
        let scrambled = mix64(zipf.rank(random.unit())).multipliedFullWidth(by: UInt64(range.count)).high
        return range.lowerBound + scrambled
    }
}

/// Zipf-distributed ranks in constant time (Gray et al., "Quickly generating billion-record synthetic
/// databases", SIGMOD 1994;
/// the method of YCSB). Making one costs O(count).
struct Zipf {
    private let count: Double
    private let zeta: Double
    private let alpha: Double
    private let eta: Double
    private let secondLimit: Double

    init(count: UInt64, theta: Double) {
        precondition(theta > 0 && theta < 1, "zipf theta \(theta) outside 0..<1")
        var zeta = 0.0
        for rank in 1...count { zeta += pow(Double(rank), -theta) }
        let zeta2 = 1 + pow(0.5, theta)
        self.count = Double(count)
        self.zeta = zeta
        alpha = 1 / (1 - theta)
        eta = count > 2 ? (1 - pow(2 / Double(count), 1 - theta)) / (1 - zeta2 / zeta) : 0
        secondLimit = zeta2
    }

    /// The rank, 0 the most popular, for a random `u` in 0..<1.
    @inline(__always)
    func rank(_ u: Double) -> UInt64 {
        let uz = u * zeta
        if uz < 1 { return 0 }
        if uz < secondLimit { return 1 }
        return min(UInt64(count * pow(eta * u - eta + 1, alpha)), UInt64(count) - 1)
    }
}
