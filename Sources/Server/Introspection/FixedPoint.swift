/// Numbers as printf's `%.2f` and INFO's human-readable sizes write them.
enum FixedPoint {
    /// `value` with exactly `digits` digits behind the point, rounded. "nan" and "inf" as printf has them.
    static func text(_ value: Double, digits: Int) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = (value.magnitude * scale).rounded(.toNearestOrEven)
        // Sizes and ratios here are far below 2^53.
        guard scaled < 9e15 else { return "\(value)" }
        let whole = Int(scaled)
        let sign = value < 0 && whole > 0 ? "-" : ""
        guard digits > 0 else { return sign + "\(whole)" }
        let fraction = String(whole % Int(scale))
        return sign + "\(whole / Int(scale))." + String(repeating: "0", count: digits - fraction.utf8.count) + fraction
    }

    /// A size with its unit: 512B, 1.50K, 2.25G.
    static func size(_ bytes: Int) -> String {
        let units: [(Character, Int)] = [("K", 10), ("M", 20), ("G", 30), ("T", 40), ("P", 50)]
        guard bytes >= 1024 else { return "\(bytes)B" }
        let unit = units.last { bytes >= 1 << $0.1 } ?? units[0]
        return text(Double(bytes) / Double(1 << unit.1), digits: 2) + String(unit.0)
    }
}
