import Bytes
import CShims

/// Turns the bytes of one connection into requests.
///
/// The bytes are given with each call, beginning at the first one that belongs to no executed request; arguments are
/// views into them. A request that isn't there completely leaves its state here (where to go on, arguments found, the
/// bulk that is coming), as offsets from the request's start, since the bytes may be moved until the next call. So all
/// calls together look at each byte once.
///
///     parse() ──complete──▶ batch            fresh: arguments go straight into the batch
///       └─incomplete─▶ saved state ──▶ parse() ──▶ resumed: arguments are offsets until the last one is there
public struct RequestParser: ~Copyable {
    public enum Outcome: Equatable, Sendable {
        /// All complete requests are in the batch. `consumed` bytes belong to them.
        case needsMore
        /// The batch is full; call again.
        case full
        /// After the batch's requests comes nonsense.
        case failed(ProtocolError)
    }

    private struct Found {
        var start: Int
        var count: Int
    }

    private enum Step {
        case complete
        case incomplete
        case failed(ProtocolError)
    }

    /// What a header line says.
    private enum Header {
        case value(Int, next: Int)
        case incomplete
        case invalid
        case tooLong
        case wrongByte(UInt8)
    }

    /// The bytes that complete requests (and empty lines) took in the last `parse`.
    public private(set) var consumed = 0
    /// Offset from the request's start at which parsing goes on. 0: no request has begun.
    private var position = 0
    /// Up to where, from the request's start, the coming line's end has been looked for.
    private var scanned = 0
    /// Of a request that has begun, the bytes that are understood already: arguments, and headers.
    public var parsedBytes: Int { position }
    /// Arguments still to come. 0 with `position` 0 only.
    private var remaining = 0
    /// The coming bulk's length, or -1 while its header is coming.
    private var bulkLength = -1
    private var found: [Found] = []
    /// Bytes still missing to the end of the bulk that is coming, its line end included; 0 if no length is known yet.
    /// Whoever reads next does well to read so many.
    public private(set) var missingBytes = 0

    public init() {}

    /// Forgets a request that has begun: parsing goes on at the start of a request.
    public mutating func reset() {
        position = 0
        scanned = 0
        remaining = 0
        bulkLength = -1
        missingBytes = 0
        if !found.isEmpty { found = [] }
    }

    /// Parses `input` from the offset `start` and adds requests to `batch`. O(new bytes).
    ///
    /// - Parameter start: where the first request that is not executed yet begins; the partial request of the call
    /// before,
    ///   if there was one.
    public mutating func parse(
        _ input: ByteSlice, from start: Int = 0, into batch: inout RequestBatch, limits: ParserLimits
    ) -> Outcome {
        precondition(start >= 0 && start <= input.count, "start \(start) of \(input.count)")
        let base = input.base
        let end = input.count
        let room = limits.isAuthenticated ? RequestBatch.maximumCount : 1
        var at = start
        missingBytes = 0
        defer { consumed = at }
        while at < end {
            if batch.count >= room { return .full }
            let step: Step
            if base[at] != 0x2a {
                step = parseInline(base, &at, end, &batch, limits)
            } else if position == 0 {
                step = parseFresh(base, &at, end, &batch, limits)
            } else {
                step = parseResumed(base, &at, end, &batch, limits)
            }
            switch step {
            case .complete: continue
            case .incomplete: return .needsMore
            case .failed(let error): return .failed(error)
            }
        }
        return .needsMore
    }

    // MARK: Multibulk

    private mutating func parseFresh(
        _ base: UnsafePointer<UInt8>, _ at: inout Int, _ end: Int, _ batch: inout RequestBatch,
        _ limits: ParserLimits
    ) -> Step {
        let start = at
        var next = 0
        var count = Self.shortLength(base, at &+ 1, end, &next)
        if count < 0 {
            switch header(base, start, start, 0x2a, end, limits) {
            case .value(let value, let after):
                count = value
                next = after
            case .incomplete: return .incomplete
            case .invalid, .wrongByte: return .failed(.invalidMultibulkLength)
            case .tooLong: return .failed(.tooBigMultibulkCount)
            }
        }
        scanned = 0
        if count > limits.maximumArguments { return .failed(.invalidMultibulkLength) }
        if count > 10, !limits.isAuthenticated { return .failed(.unauthenticatedMultibulkLength) }
        if count <= 0 {
            at = next
            return .complete
        }
        let first = batch.argumentCount
        let longest = min(16384, limits.maximumBulkBytes)
        var left = count
        while left > 0 {
            var body = 0
            let length =
                next < end && base[next] == 0x24 ? Self.shortLength(base, next &+ 1, end, &body) : -1
            guard length >= 0, length <= longest, end &- body >= length &+ 2 else {
                // Too long for the fast way, incomplete or wrong: the careful way decides.
                save(base, start, next, left, first, &batch)
                return parseResumed(base, &at, end, &batch, limits)
            }
            batch.append(ByteSlice(base: base + body, count: length))
            next = body &+ length &+ 2
            left &-= 1
        }
        batch.finishRequest(first: first, start: start, end: next)
        at = next
        return .complete
    }

    /// A length of at most seven digits with its line end at `at`, the offset behind it in `next`; -1 if what is there
    /// is longer, incomplete or wrong.
    @inline(__always)
    private static func shortLength(
        _ base: UnsafePointer<UInt8>, _ at: Int, _ end: Int, _ next: inout Int
    ) -> Int {
        guard end &- at >= 9 else { return at < end ? tightLength(base, at, end, &next) : -1 }
        var digit = base[at] &- 0x30
        guard digit < 10 else { return -1 }
        var value = Int(digit)
        var p = at &+ 1
        if base[p] != 0x0d {
            if value == 0 { return -1 }
            repeat {
                digit = base[p] &- 0x30
                if digit >= 10 || p &- at >= 7 { return -1 }
                value = value &* 10 &+ Int(digit)
                p &+= 1
            } while base[p] != 0x0d
        }
        next = p &+ 2
        return value
    }

    /// As `shortLength` with fewer than nine bytes left.
    @inline(never)
    private static func tightLength(
        _ base: UnsafePointer<UInt8>, _ at: Int, _ end: Int, _ next: inout Int
    ) -> Int {
        var value = 0
        var p = at
        while p < end, base[p] &- 0x30 < 10, p &- at < 7 {
            if value == 0, p > at { return -1 }
            value = value &* 10 &+ Int(base[p] &- 0x30)
            p &+= 1
        }
        guard p > at, p &+ 1 < end, base[p] == 0x0d else { return -1 }
        next = p &+ 2
        return value
    }

    /// Keeps the state of a request of which `left` arguments are still to come at `next`.
    private mutating func save(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ next: Int, _ left: Int, _ first: Int,
        _ batch: inout RequestBatch
    ) {
        found.removeAll(keepingCapacity: true)
        for index in first..<batch.argumentCount {
            let argument = batch.arguments[index]
            found.append(Found(start: argument.base - base - start, count: argument.count))
        }
        batch.argumentCount = first
        position = next - start
        scanned = position
        remaining = left
        bulkLength = -1
    }

    private mutating func parseResumed(
        _ base: UnsafePointer<UInt8>, _ at: inout Int, _ end: Int, _ batch: inout RequestBatch,
        _ limits: ParserLimits
    ) -> Step {
        let start = at
        while remaining > 0 {
            if bulkLength < 0 {
                switch header(base, start, start + position, 0x24, end, limits) {
                case .value(let length, let next):
                    if length < 0 || length > limits.maximumBulkBytes { return .failed(.invalidBulkLength) }
                    if length > 16384, !limits.isAuthenticated { return .failed(.unauthenticatedBulkLength) }
                    bulkLength = length
                    position = next - start
                case .incomplete: return .incomplete
                case .invalid: return .failed(.invalidBulkLength)
                case .tooLong: return .failed(.tooBigBulkCount)
                case .wrongByte(let byte): return .failed(.expectedDollar(got: byte))
                }
            }
            let available = end - start - position
            if available < bulkLength + 2 {
                missingBytes = bulkLength + 2 - available
                return .incomplete
            }
            found.append(Found(start: position, count: bulkLength))
            position += bulkLength + 2
            scanned = position
            bulkLength = -1
            remaining -= 1
        }
        let first = batch.argumentCount
        for argument in found {
            batch.append(ByteSlice(base: base + start + argument.start, count: argument.count))
        }
        at = start + position
        batch.finishRequest(first: first, start: start, end: at)
        if found.count > 64 { found = [] }
        reset(keepingFound: true)
        return .complete
    }

    private mutating func reset(keepingFound: Bool) {
        found.removeAll(keepingCapacity: keepingFound)
        position = 0
        scanned = 0
    }

    /// Reads the header line at `line`; like Redis it wants the whole line before it judges its first byte.
    private mutating func header(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ line: Int, _ kind: UInt8, _ end: Int,
        _ limits: ParserLimits
    ) -> Header {
        let from = max(line, start + scanned)
        guard let hit = ByteSlice(base: base + from, count: end - from).firstIndex(of: 0x0d) else {
            scanned = end - start
            return end - line > limits.maximumLineBytes ? .tooLong : .incomplete
        }
        let cr = from + hit
        scanned = cr - start
        guard cr + 1 < end else { return .incomplete }
        if base[line] != kind { return .wrongByte(base[line]) }
        guard let value = Self.integer(base, line + 1, cr) else { return .invalid }
        return .value(value, next: cr + 2)
    }

    /// A decimal integer in its only form: no sign but `-`, no leading zeros, nothing else. Nil also on overflow.
    private static func integer(_ base: UnsafePointer<UInt8>, _ from: Int, _ to: Int) -> Int? {
        let isNegative = from < to && base[from] == 0x2d
        let digits = isNegative ? from + 1 : from
        guard digits < to, to - digits <= 19 else { return nil }
        if base[digits] == 0x30 { return to - digits == 1 && !isNegative ? 0 : nil }
        var value = 0
        for p in digits..<to {
            let digit = base[p] &- 0x30
            guard digit < 10 else { return nil }
            let (product, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = product.addingReportingOverflow(Int(digit))
            if over || overflow { return nil }
            value = sum
        }
        return isNegative ? -value : value
    }

    // MARK: Inline

    private mutating func parseInline(
        _ base: UnsafePointer<UInt8>, _ at: inout Int, _ end: Int, _ batch: inout RequestBatch,
        _ limits: ParserLimits
    ) -> Step {
        let start = at
        let from = start + scanned
        guard let hit = ByteSlice(base: base + from, count: end - from).firstIndex(of: 0x0a) else {
            scanned = end - start
            return end - start > limits.maximumLineBytes ? .failed(.tooBigInlineRequest) : .incomplete
        }
        let newline = from + hit
        scanned = 0
        let lineEnd = newline > start && base[newline - 1] == 0x0d ? newline - 1 : newline
        let line = ByteSlice(base: base + start, count: lineEnd - start)
        let first = batch.argumentCount
        guard splitInline(line, into: &batch) else {
            batch.argumentCount = first
            return .failed(.unbalancedQuotes)
        }
        at = newline + 1
        if batch.argumentCount > first { batch.finishRequest(first: first, start: start, end: at) }
        return .complete
    }
}
