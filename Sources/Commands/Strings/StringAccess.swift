import Bytes
import Keyspace
import RESP
import Values

// What the commands on strings share: the check of the type, the reply with a value, the limit of the length.

extension CommandContext {
    /// Whether the entry is a string; replies WRONGTYPE if not.
    @inline(__always)
    func isString(_ entry: Entry) -> Bool {
        if entry.record.type == .string { return true }
        reply.pointee.error(ErrorText.wrongType)
        return false
    }

    /// Whether a string may be as long as both lengths together; replies the error if not.
    @inline(__always)
    func fits(_ length: Int, plus added: Int) -> Bool {
        let (total, overflow) = length.addingReportingOverflow(added)
        // A record counts its bytes in 32 bits, so proto-max-bulk-len beyond that can't be had.
        if !overflow, total <= min(settings.maximumStringBytes, Int(UInt32.max)) { return true }
        reply.pointee.error(ErrorText.stringTooLong)
        return false
    }

    /// The argument as an integer; replies the error if it is none.
    @inline(__always)
    public func integer(_ index: Int) -> Int64? {
        if let number = Decimal.parseInt64(arguments[index]) { return number }
        reply.pointee.error(ErrorText.notInteger)
        return nil
    }

    /// Replies with the value of the first key, null or the error for another type.
    @inline(__always)
    mutating func replyValue() -> Lookup {
        guard let entry = keyspace.read(key) else {
            reply.pointee.null()
            return .missing
        }
        guard isString(entry) else { return .refused }
        reply.pointee.string(entry.record)
        return .found(entry)
    }

    /// What a lookup of a string came to.
    enum Lookup {
        case found(Entry)
        case missing
        /// Another type: the error has been replied.
        case refused
    }
}

extension ReplyWriter {
    /// The value of a string record: a large one by reference, others copied. No allocation.
    @inline(__always)
    mutating func string(_ record: Record) {
        if let number = record.integerValue {
            bulk(number: Int(number))
        } else if let block = record.sharedValue {
            bulk(shared: block)
        } else {
            bulk(record.storedBytes)
        }
    }
}
