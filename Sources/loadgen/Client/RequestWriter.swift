import Bytes

/// Writes requests: the fixed parts are made once, only keys and values per request.
struct RequestWriter {
    private let keys: KeyPattern
    private let counters: KeyPattern
    private let fresh: KeyPattern
    private let values: ValuePattern
    private let heads: [[UInt8]]
    private let freshHeads: [[UInt8]]
    private let counterHead: [UInt8]
    private let keyHead: [UInt8]
    private let valueHead: [UInt8]

    init(keys: KeyPattern, values: ValuePattern) {
        self.keys = keys
        self.values = values
        counters = KeyPattern(prefix: Array("counter:".utf8), width: keys.width)
        fresh = KeyPattern(prefix: Array("fresh:".utf8), width: 20)
        keyHead = Array("$\(keys.length)\r\n".utf8)
        valueHead = Array("\r\n$\(values.size)\r\n".utf8)
        let keyText = "$\(keys.length)\r\n"
        let freshText = "$\(fresh.length)\r\n"
        counterHead = Array("*2\r\n$4\r\nINCR\r\n$\(counters.length)\r\n".utf8)
        let words: [(String, Int)] = [
            ("GET", 2), ("SET", 3), ("MGET", 0), ("INCR", 2), ("SETNX", 3), ("GETSET", 3), ("GET", 2), ("DEL", 2),
        ]
        heads = words.map { Array("*\($1)\r\n$\($0.utf8.count)\r\n\($0)\r\n\(keyText)".utf8) }
        freshHeads = words.map { Array("*\($1)\r\n$\($0.utf8.count)\r\n\($0)\r\n\(freshText)".utf8) }
    }

    /// Appends a request. `key` is the index; a fresh key's index is any 64-bit number.
    @inline(__always)
    func append(_ operation: Operation, key: UInt64, version: UInt64, to out: inout ByteBuffer) {
        switch operation {
        case .get, .del: append(heads[Int(operation.rawValue)], keys, key, to: &out)
        case .set:
            append(heads[Int(operation.rawValue)], keys, key, to: &out)
            appendValue(key, version, to: &out)
        case .incr: append(counterHead, counters, key, to: &out)
        case .absent: append(freshHeads[Int(operation.rawValue)], fresh, key, to: &out)
        case .setnx, .getset:
            append(freshHeads[Int(operation.rawValue)], fresh, key, to: &out)
            appendValue(key, version, to: &out)
        case .mget: preconditionFailure("MGET is written with its keys")
        case .modify: preconditionFailure("written as a GET and a SET")
        }
        append("\r\n", to: &out)
    }

    /// Appends an MGET of `count` keys that `chooser` draws from `random`.
    func appendMget(_ count: Int, _ chooser: KeyChooser, _ random: inout Random, to out: inout ByteBuffer) {
        Array("*\(count + 1)\r\n$4\r\nMGET\r\n".utf8).withSlice { out.append($0) }
        for _ in 0..<count {
            append(keyHead, keys, chooser.next(&random), to: &out)
            append("\r\n", to: &out)
        }
    }

    @inline(__always)
    private func append(_ head: [UInt8], _ pattern: KeyPattern, _ index: UInt64, to out: inout ByteBuffer) {
        head.withSlice { out.append($0) }
        let tail = out.writableTail(pattern.length)
        pattern.write(index, to: tail.baseAddress.unsafelyUnwrapped)  // a key has at least one digit: memory is there
        out.didAppend(pattern.length)
    }

    @inline(__always)
    private func appendValue(_ key: UInt64, _ version: UInt64, to out: inout ByteBuffer) {
        valueHead.withSlice { out.append($0) }
        let tail = out.writableTail(values.size)
        // A value has at least its header: memory is there.
        values.write(index: key, version: version, to: tail.baseAddress.unsafelyUnwrapped)
        out.didAppend(values.size)
    }

    @inline(__always)
    private func append(_ literal: StaticString, to out: inout ByteBuffer) { out.append(ByteSlice(literal)) }
}
