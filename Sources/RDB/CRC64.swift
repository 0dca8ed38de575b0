import Bytes

/// The checksum of RDB: CRC-64 with the polynomial of Jones ("An improved 64-bit cyclic redundancy check for
/// protein sequences"), reflected, starting from 0 without a final inversion.
///
/// Eight bytes at a time ("slicing by 8", Kounavis and Berry, 2005): table k holds the effect of a byte that k more
/// bytes follow, so the eight look-ups of a word don't depend on each other.
public enum CRC64 {
    /// 0xad93d23594c935a9 with its bits reversed.
    private static let polynomial: UInt64 = 0x95ac_9329_ac4b_c9b5

    /// Eight tables of 256 entries, one after the other.
    private static let tables: [UInt64] = {
        var tables = [UInt64](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var crc = UInt64(byte)
            for _ in 0..<8 { crc = crc & 1 != 0 ? crc >> 1 ^ polynomial : crc >> 1 }
            tables[byte] = crc
        }
        for table in 1..<8 {
            for byte in 0..<256 {
                let before = tables[(table - 1) * 256 + byte]
                tables[table * 256 + byte] = before >> 8 ^ tables[Int(before & 0xff)]
            }
        }
        return tables
    }()

    /// The checksum of what `crc` stands for followed by `bytes`. O(n).
    public static func update(_ crc: UInt64, _ bytes: ByteSlice) -> UInt64 {
        tables.withUnsafeBufferPointer { t in
            var crc = crc
            let raw = UnsafeRawPointer(bytes.base)
            var at = 0
            while at + 8 <= bytes.count {  // the loads below stay in front of bytes.count
                crc ^= UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: at, as: UInt64.self))
                let low =
                    t[7 * 256 + Int(crc & 0xff)] ^ t[6 * 256 + Int(crc >> 8 & 0xff)]
                    ^ t[5 * 256 + Int(crc >> 16 & 0xff)] ^ t[4 * 256 + Int(crc >> 24 & 0xff)]
                let high =
                    t[3 * 256 + Int(crc >> 32 & 0xff)] ^ t[2 * 256 + Int(crc >> 40 & 0xff)]
                    ^ t[1 * 256 + Int(crc >> 48 & 0xff)] ^ t[Int(crc >> 56)]
                crc = low ^ high
                at += 8
            }
            while at < bytes.count {
                crc = crc >> 8 ^ t[Int((crc ^ UInt64(bytes.base[at])) & 0xff)]
                at += 1
            }
            return crc
        }
    }

    /// The checksum of `bytes`. O(n).
    public static func checksum(_ bytes: ByteSlice) -> UInt64 { update(0, bytes) }
}
