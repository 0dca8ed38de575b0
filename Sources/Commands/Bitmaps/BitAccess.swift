import Bytes
import Keyspace
import RESP
import Values

// SETBIT and GETBIT, and what the commands on bits share.

extension CommandContext {
    /// The argument as the number of a bit; replies the error if it is none, or beyond the longest string. `width`:
    /// also "#n", the n-th field of that many bits.
    @inline(__always)
    func bitOffset(_ index: Int, width: Int = 0) -> Int? {
        let text = arguments[index]
        let isScaled = width > 0 && !text.isEmpty && text[0] == UInt8(ascii: "#")
        // A record counts its bytes in 32 bits; a field reaches into eight bytes behind its first one.
        let limit = Int64(min(settings.maximumStringBytes, Int(UInt32.max) - 8))
        if let number = Decimal.parseInt64(isScaled ? text.dropFirst(1) : text) {
            let (offset, overflow) = number.multipliedReportingOverflow(by: isScaled ? Int64(width) : 1)
            if !overflow, offset >= 0, offset >> 3 < limit { return Int(offset) }
        }
        reply.pointee.error(ErrorText.bitOffset)
        return nil
    }

    /// Changes a string's bytes: makes it `length` long, the new bytes zero, and creates the key if it isn't there.
    /// In place where that can be.
    @inline(__always)
    mutating func changeBytes(_ entry: Entry?, length: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Void) {
        guard let entry else {
            let blank = Record.string(key: key.bytes, value: .empty, expiry: nil, encoding: .raw)
            let (record, bytes) = blank.writableString(length: length)
            body(bytes)
            keyspace.set(key, record)
            return
        }
        if entry.record.stringLength == length, let bytes = entry.record.changeableBytes {
            keyspace.updateInPlace(entry)
            return body(bytes)
        }
        keyspace.update(entry) {
            let (record, bytes) = $0.writableString(length: length)
            body(bytes)
            return record
        }
    }
}

extension BitmapCommands {
    static func setbit(_ call: inout CommandContext) {
        guard let offset = call.bitOffset(2) else { return }
        guard let value = Decimal.parseInt64(call.arguments[3]), value & ~1 == 0 else {
            return call.reply.pointee.error(ErrorText.bitValue)
        }
        let index = offset >> 3
        let mask: UInt8 = 0x80 >> UInt8(offset & 7)
        let entry = call.keyspace.find(call.key)
        var length = 0
        var old: UInt8 = 0
        if let entry {
            guard call.isString(entry) else { return }
            length = entry.record.stringLength
            old = index < length ? entry.record.withString { $0[index] & mask } : 0
        }
        // A bit that is already so is no change.
        if index >= length || (old != 0) != (value == 1) {
            call.changeBytes(entry, length: max(length, index + 1)) {
                $0[index] = $0[index] & ~mask | (value == 1 ? mask : 0)
            }
            call.keyspace.notify(.string, "setbit", call.key)
        }
        call.reply.pointee.integer(old == 0 ? 0 : 1)
    }

    static func getbit(_ call: inout CommandContext) {
        guard let offset = call.bitOffset(2) else { return }
        guard let entry = call.keyspace.read(call.key) else { return call.reply.pointee.integer(0) }
        guard call.isString(entry) else { return }
        let index = offset >> 3
        let byte = entry.record.withString { index < $0.count ? $0[index] : 0 }
        call.reply.pointee.integer(Int(byte >> UInt8(7 - offset & 7) & 1))
    }
}
