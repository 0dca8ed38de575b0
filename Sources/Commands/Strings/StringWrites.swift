import Bytes
import Keyspace
import RESP
import Values

extension StringCommands {
    static func set(_ call: inout CommandContext) {
        guard call.arguments.count > 3 else {
            call.keyspace.setString(call.key, call.arguments[2])
            call.keyspace.notify(.string, "set", call.key)
            return call.reply.pointee.ok()
        }
        setWithOptions(&call)
    }

    /// What SET has to know of the key's old value.
    static func setNeed(_ arguments: Arguments) -> KeyNeed {
        guard arguments.count > 3 else { return .overwrite }
        // A call with a syntax error needs nothing.
        let options = SetOptions(arguments, from: 3, accepting: .set)
        return options?.flags.isDisjoint(with: .needsOldValue) ?? true ? .overwrite : .value
    }

    /// Gives a key a new value: one allocation (two from `Record.externalThreshold` bytes on).
    @inline(__always)
    private static func store(
        _ call: inout CommandContext, _ key: KeyRef, _ value: ByteSlice, _ expiry: Int64?, event: StaticString = "set"
    ) {
        call.keyspace.set(key, Record.string(key: key.bytes, value: value, expiry: expiry))
        call.keyspace.notify(.string, event, key)
    }

    /// `store` with an expiry, which may lie in the past: the key is then gone at once. (The value is set before, since
    /// the key may be on flash and only a write or a delete of an entry in RAM overrides that.)
    private static func store(_ call: inout CommandContext, expiring value: ByteSlice, _ expiry: Int64) {
        store(&call, call.key, value, expiry)
        call.keyspace.notify(.generic, "expire", call.key)
        if expiry <= call.now { _ = call.keyspace.peek(call.key) }
    }

    @inline(never)
    private static func setWithOptions(_ call: inout CommandContext) {
        guard let options = SetOptions(call.arguments, from: 3, accepting: .set) else {
            return call.reply.pointee.error(ErrorText.syntax)
        }
        var expiry: Int64?
        if options.expiryArgument > 0 {
            expiry = options.expiry(call, command: "set")
            if expiry == nil { return }
        }
        let flags = options.flags
        var old: Entry?
        if flags.contains(.get) {
            switch call.replyValue() {
            case .found(let entry): old = entry
            case .missing: break
            case .refused: return
            }
        } else if !flags.isDisjoint(with: .needsOldValue) {
            old = call.keyspace.find(call.key)
        }
        if old == nil ? flags.contains(.xx) : flags.contains(.nx) {
            if !flags.contains(.get) { call.reply.pointee.null() }
            return
        }
        if let expiry {
            store(&call, expiring: call.arguments[2], expiry)
        } else {
            store(&call, call.key, call.arguments[2], flags.contains(.keepTTL) ? old?.record.expiry : nil)
        }
        if !flags.contains(.get) { call.reply.pointee.ok() }
    }

    static func setnx(_ call: inout CommandContext) {
        guard call.keyspace.find(call.key) == nil else { return call.reply.pointee.integer(0) }
        store(&call, call.key, call.arguments[2], nil)
        call.reply.pointee.integer(1)
    }

    static func setex(_ call: inout CommandContext) { setex(&call, seconds: true, "setex") }

    static func psetex(_ call: inout CommandContext) { setex(&call, seconds: false, "psetex") }

    private static func setex(_ call: inout CommandContext, seconds: Bool, _ command: StaticString) {
        guard
            let expiry = SetOptions.expiry(call, argument: 2, seconds: seconds, relative: true, command: command)
        else { return }
        store(&call, expiring: call.arguments[3], expiry)
        call.reply.pointee.ok()
    }

    static func getset(_ call: inout CommandContext) {
        if case .refused = call.replyValue() { return }
        store(&call, call.key, call.arguments[2], nil)
    }

    static func mset(_ call: inout CommandContext) {
        guard hasPairs(call, "mset") else { return }
        storePairs(&call)
        call.reply.pointee.ok()
    }

    static func msetnx(_ call: inout CommandContext) {
        guard hasPairs(call, "msetnx") else { return }
        for index in 0..<call.keys.count where call.keyspace.find(call.keys[index]) != nil {
            return call.reply.pointee.integer(0)
        }
        storePairs(&call)
        call.reply.pointee.integer(1)
    }

    @inline(__always)
    private static func hasPairs(_ call: borrowing CommandContext, _ command: StaticString) -> Bool {
        if call.arguments.count % 2 == 1 { return true }
        call.reply.pointee.error(ErrorText.wrongArity(ByteSlice(command)))
        return false
    }

    @inline(__always)
    private static func storePairs(_ call: inout CommandContext) {
        for index in 0..<call.keys.count {
            store(&call, call.keys[index], call.arguments[2 * index + 2], nil)
        }
    }

    // MARK: In place

    static func append(_ call: inout CommandContext) {
        let added = call.arguments[2]
        guard let entry = call.keyspace.find(call.key) else {
            store(&call, call.key, added, nil, event: "append")
            return call.reply.pointee.integer(added.count)
        }
        guard call.isString(entry) else { return }
        let length = entry.record.stringLength
        guard call.fits(length, plus: added.count) else { return }
        call.keyspace.update(entry) { $0.writing(added, at: length) }
        call.keyspace.notify(.string, "append", call.key)
        call.reply.pointee.integer(length + added.count)
    }

    static func setrange(_ call: inout CommandContext) {
        guard let number = call.integer(2) else { return }
        guard number >= 0 else { return call.reply.pointee.error(ErrorText.offsetOutOfRange) }
        let offset = Int(number)
        let bytes = call.arguments[3]
        guard let entry = call.keyspace.find(call.key) else {
            guard !bytes.isEmpty else { return call.reply.pointee.integer(0) }
            guard call.fits(offset, plus: bytes.count) else { return }
            let blank = Record.string(key: call.key.bytes, value: .empty, expiry: nil, encoding: .raw)
            call.keyspace.set(call.key, blank.writing(bytes, at: offset))
            call.keyspace.notify(.string, "setrange", call.key)
            return call.reply.pointee.integer(offset + bytes.count)
        }
        guard call.isString(entry) else { return }
        let length = entry.record.stringLength
        guard !bytes.isEmpty else { return call.reply.pointee.integer(length) }
        guard call.fits(offset, plus: bytes.count) else { return }
        call.keyspace.update(entry) { $0.writing(bytes, at: offset) }
        call.keyspace.notify(.string, "setrange", call.key)
        call.reply.pointee.integer(max(length, offset + bytes.count))
    }
}
