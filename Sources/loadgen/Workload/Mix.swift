/// What one request does.
enum Operation: UInt8, CaseIterable {
    /// GET of a key in the range.
    case get
    /// SET of a key in the range to a fresh version of its value.
    case set
    /// MGET of several keys in the range.
    case mget
    /// INCR of a counter that belongs to a key in the range.
    case incr
    /// SETNX of a key that was never there.
    case setnx
    /// GETSET of a key that was never there.
    case getset
    /// GET of a key that was never there.
    case absent
    /// DEL of a key in the range.
    case del
    /// GET of a key in the range and, when its reply has come, SET of it on the same connection (YCSB's F). The two are
    /// sent and timed as a get and a set.
    case modify

    var name: String { "\(self)" }

    /// The keys lie outside the loaded range, each used once.
    var usesFreshKey: Bool { self == .setnx || self == .getset || self == .absent }
}

/// Operations by weight: "get:95,set:5".
struct Mix {
    private let limits: [(below: UInt64, operation: Operation)]
    private let total: UInt64

    /// The only operation there is, when there is only one: saves the draw.
    let single: Operation?

    init(_ weights: [(Operation, UInt64)]) {
        var sum: UInt64 = 0
        var limits: [(UInt64, Operation)] = []
        for (operation, weight) in weights where weight > 0 {
            sum += weight
            limits.append((sum, operation))
        }
        precondition(sum > 0, "a mix without operations")
        self.limits = limits
        total = sum
        single = limits.count == 1 ? limits[0].1 : nil
    }

    init?(parsing text: String) {
        var weights: [(Operation, UInt64)] = []
        for part in text.split(separator: ",") {
            let pair = part.split(separator: ":", omittingEmptySubsequences: false)
            guard let operation = Operation.allCases.first(where: { $0.name == pair[0] }) else { return nil }
            guard pair.count <= 2, let weight = pair.count == 2 ? UInt64(pair[1]) : 1 else { return nil }
            weights.append((operation, weight))
        }
        guard weights.contains(where: { $0.1 > 0 }) else { return nil }
        self.init(weights)
    }

    @inline(__always)
    func next(_ random: inout Random) -> Operation {
        if let single { return single }
        let draw = random.below(total)
        for limit in limits where draw < limit.below { return limit.operation }
        preconditionFailure("draw \(draw) of \(total)")
    }

    func contains(_ operation: Operation) -> Bool { limits.contains { $0.operation == operation } }
}
