extension [UInt8] {
    /// Appends bytes in quotation marks, those that can't be shown escaped: as MONITOR and redis-cli show them.
    public mutating func append(quoted bytes: ByteSlice) {
        let digits = Array("0123456789abcdef".utf8)
        append(0x22)
        for byte in bytes.buffer {
            switch byte {
            case 0x22, 0x5c: self += [0x5c, byte]
            case 0x07: self += "\\a".utf8
            case 0x08: self += "\\b".utf8
            case 0x09: self += "\\t".utf8
            case 0x0a: self += "\\n".utf8
            case 0x0d: self += "\\r".utf8
            case 0x20...0x7e: append(byte)
            default: self += [0x5c, 0x78, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        append(0x22)
    }
}
