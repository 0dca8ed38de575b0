/// INFO's text: sections with a heading, an empty line between them, `name:value` lines that end in CRLF.
struct InfoText {
    private(set) var text = ""

    mutating func section(_ name: String) {
        if !text.isEmpty { text += "\r\n" }
        text += "# \(name)\r\n"
    }

    mutating func field(_ name: String, _ value: String) { text += "\(name):\(value)\r\n" }
    mutating func field(_ name: String, _ value: Int) { text += "\(name):\(value)\r\n" }
    mutating func field(_ name: String, _ value: Int64) { text += "\(name):\(value)\r\n" }
    mutating func field(_ name: String, _ value: UInt64) { text += "\(name):\(value)\r\n" }
    mutating func field(_ name: String, _ value: Bool) { text += "\(name):\(value ? 1 : 0)\r\n" }
    mutating func field(_ name: String, _ value: Double) { text += "\(name):\(FixedPoint.text(value, digits: 2))\r\n" }

    /// A size, and beside it `name_human`.
    mutating func size(_ name: String, _ bytes: Int) {
        field(name, bytes)
        field(name + "_human", FixedPoint.size(bytes))
    }

    /// Fields that are 0 in a server without what they count.
    mutating func zeros(_ names: String...) {
        for name in names { field(name, 0) }
    }

    /// Names come from configuration and clients: what would end a field or line is replaced.
    static func safe(_ name: String) -> String {
        // By bytes: CR LF is one Character.
        String(decoding: name.utf8.map { [0x23, 0x3a, 0x0a, 0x0d].contains($0) ? 0x5f : $0 }, as: UTF8.self)
    }
}
