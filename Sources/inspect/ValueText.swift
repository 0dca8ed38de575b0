import Bytes
import Values

/// A record's value for people: a line for each element.
enum ValueText {
    /// Calls `line` with the lines of the value. Members that expire have their time behind them.
    static func lines(of record: Record, _ line: (String) -> Void) {
        let isCollection: Void? = record.withCollection { lines(of: $0, line) }
        if isCollection == nil { record.withString { line(quoted($0)) } }
    }

    private static func lines(of collection: CollectionValue, _ line: (String) -> Void) {
        func time(_ member: ByteSlice) -> String {
            collection.expiry(of: member).map { "  expires at \($0)" } ?? ""
        }
        switch collection {
        case let list as ListValue:
            list.forEach(in: 0..<list.count) { page, at in
                line(page.withBytes(at) { quoted($0) })
                return true
            }
        case let set as SetValue:
            set.forEach { member in
                line(member.withBytes { quoted($0) + time($0) })
                return true
            }
        case let sorted as SortedSetValue:
            sorted.forEach { member, score in
                line("\(quoted(member)) \(String(decoding: Decimal.formatDouble(score), as: UTF8.self))\(time(member))")
                return true
            }
        case let hash as HashValue:
            hash.forEach { pair in
                pair.page.withBytes(pair.field) { field in
                    pair.page.withBytes(pair.value) { line("\(quoted(field)) \(quoted($0))\(time(field))") }
                }
                return true
            }
        case let stream as StreamValue:
            stream.forEach { entry in
                var text = entry.id.description
                entry.forEach { field, value in
                    text += " " + field.withBytes { quoted($0) } + " " + value.withBytes { quoted($0) }
                }
                line(text)
                return true
            }
            for group in stream.groups { line("group \(group.name.withSlice { quoted($0) })") }
        default: line("(a value of an unknown class)")
        }
    }
}
