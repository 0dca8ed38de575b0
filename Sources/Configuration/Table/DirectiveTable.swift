/// All directives, and the way from a name to its row.
public enum DirectiveTable {
    /// The rows in the order in which CONFIG GET prints them.
    public static let rows: [Directive] =
        network + clients + memory + encodings + snapshots + journal + replication + cluster + security + tls + system
        + keyDB + flash

    /// The row's index by name or alias, in lower case.
    static let indexByName: [String: Int] = {
        var index: [String: Int] = [:]
        for (i, row) in rows.enumerated() {
            for name in [row.name] + row.aliases {
                precondition(index.updateValue(i, forKey: name) == nil, "directive \(name) stands twice")
            }
        }
        return index
    }()

    /// The default of each row.
    static let standardValues: [Value] = rows.map { row in
        let words = LineSyntax.split(Array(row.standard.utf8)) ?? []
        guard case .success(let value) = row.parse(words, over: row.blank) else {
            preconditionFailure("the default of \(row.name) does not parse: \(row.standard)")
        }
        return value
    }

    /// The index of the directive called `name` (any case); nil if there is none.
    public static func index(of name: [UInt8]) -> Int? {
        guard name.count <= 64 else { return nil }
        return indexByName[String(decoding: name.map(LineSyntax.lowered), as: UTF8.self)]
    }

    static let int: ClosedRange<Int64> = 0...Int64(Int32.max)
    static let positive: ClosedRange<Int64> = 1...Int64(Int32.max)
    static let anyInt: ClosedRange<Int64> = Int64(Int32.min)...Int64(Int32.max)
    static let long: ClosedRange<Int64> = 0...Int64.max
    static let port: ClosedRange<Int64> = 0...65535
    /// An unsigned 32-bit number.
    static let unsigned: ClosedRange<Int64> = 0...Int64(UInt32.max)

    /// Directives of old files that Redis 7 still reads and forgets: they take one argument and have no value.
    static let forgotten: Set<String> = ["list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands"]
}
