import Bytes
import Commands
import Keyspace
import RESP

// A miss in the cache costs more than everything else a GET does. So the processor is told of the keys of several
// requests, the next of a pipeline or one from each of several connections, before the first of them runs: first of
// their partitions, then of their slots, then of their records, and, if the last command was one on collections, of
// what the records refer to, and in large ones of the elements that a pipeline names. The misses of one step overlap.
// Taking the first argument for a key is right nearly always, and harmless where it is wrong.

/// The keys whose memory a loop has fetched ahead, in the order in which their requests will run.
struct FetchAhead: ~Copyable {
    /// Requests whose memory is fetched ahead at a time.
    static let stride = 16

    /// The first argument of a request that will run soon.
    private struct Announced {
        var key: ByteSlice
        var position: Position
        /// The element it will look for, if any.
        var element: ByteSlice?
    }

    private let keys = UnsafeMutablePointer<Announced>.allocate(capacity: stride)
    private var count = 0
    /// Those below have run, or will not.
    private var next = 0
    /// The last batch ended with a command on collections: likely the next ones are such too.
    private var expectsCollections = false
    /// That command's `elementArgument`.
    private var expectedElement = 0

    deinit { keys.deallocate() }

    /// The next batch is likely to be of such commands; nil: of unknown ones.
    mutating func expect(_ entry: UnsafePointer<CommandIndex.Entry>?) {
        expectsCollections = entry?.pointee.takesCollections ?? false
        expectedElement = entry?.pointee.elementArgument ?? 0
    }

    /// What was announced is no longer in memory, or has run.
    mutating func forget() { count = 0 }

    /// Fetches for the requests of a pipeline.
    mutating func fetch(
        _ batch: UnsafeMutablePointer<RequestBatch>, from first: Int, _ context: borrowing CommandContext
    ) {
        count = 0
        for number in first..<min(first + Self.stride, batch.pointee.count) {
            let arguments = batch.pointee.arguments(of: number)
            guard arguments.count > 1 else { continue }
            let element = expectedElement
            add(arguments[1], 1..<arguments.count ~= element ? arguments[element] : nil, context)
        }
        fetch(context)
    }

    /// Bytes that will be executed soon, of one of several connections; `number` counts them from 0. Looks whether
    /// they begin with a command and a key.
    mutating func announce(_ bytes: ByteSlice, number: Int, _ context: borrowing CommandContext) {
        if number == 0 { count = 0 }
        guard count < Self.stride, let key = Self.secondArgument(bytes) else { return }
        add(key, nil, context)
    }

    @inline(__always)
    private mutating func add(_ key: ByteSlice, _ element: ByteSlice?, _ context: borrowing CommandContext) {
        let position = context.keyspace.prefetchPartition(key, database: context.database)
        keys[count] = Announced(key: key, position: position, element: element)
        count += 1
    }

    /// Fetches for what was announced.
    mutating func fetch(_ context: borrowing CommandContext) {
        let database = context.database
        next = 0
        // Calls one after the other are often on the same key.
        for number in 0..<count where !isRepeated(number) {
            context.keyspace.prefetchSlot(keys[number].position, database: database)
        }
        for number in 0..<count where !isRepeated(number) {
            context.keyspace.prefetchRecord(keys[number].position, database: database)
        }
        guard expectsCollections else { return }
        var haveElements = false
        for number in 0..<count where !isRepeated(number) {
            if context.keyspace.prefetchValue(keys[number].position, database: database) { haveElements = true }
        }
        if haveElements, expectedElement > 0 { fetchElements(context) }
    }

    /// One lock for calls one after the other on the same key.
    private func fetchElements(_ context: borrowing CommandContext) {
        var first = 0
        while first < count {
            var end = first + 1
            while end < count, isRepeated(end) { end += 1 }
            context.keyspace.prefetchElements(keys[first].position, database: context.database, first..<end) {
                keys[$0].element
            }
            first = end
        }
    }

    @inline(__always)
    private func isRepeated(_ number: Int) -> Bool {
        number > 0 && keys[number].position == keys[number - 1].position
    }

    /// The place of the call's first argument if it was fetched ahead. The same memory means the same key: buffers
    /// keep what they hold until all that was announced of it has run.
    @inline(__always)
    mutating func take(_ arguments: Arguments) -> Position? {
        guard next < count, arguments.count > 1 else { return nil }
        let key = arguments[1]
        for number in next..<count where keys[number].key.base == key.base {
            guard keys[number].key.count == key.count else { return nil }
            next = number + 1
            return keys[number].position
        }
        return nil
    }

    /// The key in `*n CRLF $n CRLF command CRLF $n CRLF key CRLF`: a look, no parser. Nil for anything else.
    private static func secondArgument(_ bytes: ByteSlice) -> ByteSlice? {
        // The shortest such request has 4 + 4 + 3 + 4 + 3 bytes.
        guard bytes.count > 18, bytes.base[0] == 0x2a, bytes.base[2] == 0x0d else { return nil }
        var at = 4
        guard let command = length(bytes, &at) else { return nil }
        at += command + 2
        guard let key = length(bytes, &at), at + key <= bytes.count else { return nil }
        return ByteSlice(base: bytes.base + at, count: key)
    }

    /// Reads `$n CRLF` with at most three digits.
    private static func length(_ bytes: ByteSlice, _ at: inout Int) -> Int? {
        guard at + 6 <= bytes.count, bytes.base[at] == 0x24 else { return nil }
        var value = 0
        var index = at + 1
        while index < at + 4, bytes.base[index] &- 0x30 < 10 {
            value = value * 10 + Int(bytes.base[index] &- 0x30)
            index += 1
        }
        guard bytes.base[index] == 0x0d else { return nil }
        at = index + 2
        return value
    }
}
