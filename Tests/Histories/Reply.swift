/// A reply, taken apart.
enum Reply: Hashable, CustomStringConvertible {
    case integer(Int)
    case bulk([UInt8])
    case null
    case simple(String)
    case error(String)
    case array([Reply])

    static func text(_ text: String) -> Reply { .bulk(Array(text.utf8)) }

    var description: String {
        switch self {
        case .integer(let number): "\(number)"
        case .bulk(let bytes): "'\(String(decoding: bytes, as: UTF8.self))'"
        case .null: "null"
        case .simple(let text), .error(let text): text
        case .array(let parts): "\(parts)"
        }
    }

    /// The strings of an array of them, or of nothing else than one.
    var texts: [String]? {
        switch self {
        case .bulk(let bytes): return [String(decoding: bytes, as: UTF8.self)]
        case .array(let parts):
            let texts = parts.compactMap { part -> String? in
                guard case .bulk(let bytes) = part else { return nil }
                return String(decoding: bytes, as: UTF8.self)
            }
            return texts.count == parts.count ? texts : nil
        default: return nil
        }
    }

    /// Reads one reply in RESP2; traps on what is none.
    static func parse(_ bytes: ArraySlice<UInt8>, _ rest: inout ArraySlice<UInt8>) -> Reply {
        guard let end = bytes.firstIndex(of: 13), let kind = bytes.first else { preconditionFailure("no reply") }
        let line = String(decoding: bytes[(bytes.startIndex + 1)..<end], as: UTF8.self)
        rest = bytes[(end + 2)...]
        switch kind {
        case 0x2b: return .simple(line)
        case 0x2d: return .error(line)
        case 0x3a: return .integer(Int(line) ?? .min)
        case 0x24:
            guard let count = Int(line), count >= 0 else { return .null }
            let text = Array(rest.prefix(count))
            rest = rest.dropFirst(count + 2)
            return .bulk(text)
        default:
            guard let count = Int(line), count >= 0 else { return .null }
            var parts: [Reply] = []
            for _ in 0..<count { parts.append(parse(rest, &rest)) }
            return .array(parts)
        }
    }
}
