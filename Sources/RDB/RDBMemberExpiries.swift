import Bytes
import Values

// When members of sets and sorted sets expire, in RDB. Redis has no such thing; KeyDB writes two AUX fields for each
// member behind the value, in files, and so does this server, in files and in DUMP's payload:
//
//     AUX "keydb-subexpire-key" member | AUX "keydb-subexpire-when" unix milliseconds, in text
//
// A Redis that loads a file skips fields that it doesn't know, and RESTORE doesn't look behind the value: they load the
// value and lose the times. Hashes have types of their own for it (ExpiringHashes), which an older Redis refuses: what
// HEXPIRE was given must not live for ever.
enum RDBMemberExpiries {
    private static let member: StaticString = "keydb-subexpire-key"
    private static let time: StaticString = "keydb-subexpire-when"

    static func append(_ value: RDBValue, to buffer: inout ByteBuffer) {
        guard case .collection(let collection) = value, !(collection is HashValue), let times = collection.expiries
        else { return }
        times.forEach(in: 0..<times.count) { member, time in
            buffer.append(RDBOpcode.aux)
            RDBEncoder.append(string: ByteSlice(Self.member), compresses: false, to: &buffer)
            RDBEncoder.append(string: member, compresses: false, to: &buffer)
            buffer.append(RDBOpcode.aux)
            RDBEncoder.append(string: ByteSlice(Self.time), compresses: false, to: &buffer)
            let text = Decimal.bytes(Int64(time))
            text.withSlice {
                RDBEncoder.append(length: UInt64($0.count), to: &buffer)
                buffer.append($0)
            }
        }
    }

    /// Takes AUX fields one after the other.
    struct Reader {
        private var name: [UInt8]?

        /// Whether the field was one of these; a member that isn't there is passed over, as is a time out of bounds.
        mutating func take(_ key: RDBString, _ value: RDBString, for collection: CollectionValue) -> Bool {
            if key.withBytes({ $0 == ByteSlice(RDBMemberExpiries.member) }) {
                name = value.array
                return true
            }
            guard key.withBytes({ $0 == ByteSlice(RDBMemberExpiries.time) }), let name else { return false }
            self.name = nil
            let time = value.withBytes { Decimal.parseInt64($0) }
            name.withSlice { name in
                guard let time, (0...MemberTime.latest).contains(time), collection.hasMember(name) else { return }
                collection.setExpiry(of: name, time)
            }
            return true
        }
    }

    /// Reads what stands behind the value of a payload, up to the first thing that is none of these.
    static func decode(_ cursor: inout RDBCursor, for collection: CollectionValue) throws(RDBError) {
        var reader = Reader()
        while cursor.at < cursor.input.count, cursor.input[cursor.at] == RDBOpcode.aux {
            do {
                _ = try cursor.byte()
                let key = try cursor.string()
                guard reader.take(key, try cursor.string(), for: collection) else { return }
            } catch {
                // As Redis: whatever it is, it stands behind the value.
                return
            }
        }
    }
}
