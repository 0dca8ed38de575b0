/// A JSON document to be written; members keep their order.
enum JSON {
    case string(String)
    case number(Double)
    case unsigned(UInt64)
    case array([JSON])
    case object([(String, JSON)])

    var text: String {
        switch self {
        case .string(let text): "\"" + text.unicodeScalars.map(Self.escaped).joined() + "\""
        case .number(let value): value.isFinite ? fixed(value, 3) : "null"
        case .unsigned(let value): String(value)
        case .array(let elements): "[" + elements.map(\.text).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { JSON.string($0).text + ":" + $1.text }.joined(separator: ",") + "}"
        }
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\"", "\\": return "\\\(scalar)"
        case _ where scalar.value < 0x20:
            let hex = String(scalar.value, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        default: return String(scalar)
        }
    }
}

/// `value` with `digits` (0 to 6) decimals, rounded.
func fixed(_ value: Double, _ digits: Int) -> String {
    let scale = (0..<digits).reduce(1.0) { product, _ in product * 10 }
    let scaled = (abs(value) * scale).rounded()
    guard scaled < 1e18 else { return String(value) }
    let whole = UInt64(scaled)
    let sign = value < 0 && whole > 0 ? "-" : ""
    guard digits > 0 else { return sign + String(whole) }
    let part = String(whole % UInt64(scale))
    return sign + String(whole / UInt64(scale)) + "." + String(repeating: "0", count: digits - part.count) + part
}
