import Bytes
import CShims

extension ReplyWriter {
    /// `count` elements follow.
    @inlinable
    public mutating func array(_ count: Int) { line(0x2a, count) }

    /// `count` pairs follow: RESP3 `%`, RESP2 an array of twice as many elements.
    @inlinable
    public mutating func map(_ count: Int) {
        if version == 3 { line(0x25, count) } else { line(0x2a, count &* 2) }
    }

    /// `count` different elements follow: RESP3 `~`, RESP2 an array.
    @inlinable
    public mutating func set(_ count: Int) { line(version == 3 ? 0x7e : 0x2a, count) }

    /// `count` elements of a message that answers no request: RESP3 `>`, RESP2 an array.
    @inlinable
    public mutating func push(_ count: Int) { line(version == 3 ? 0x3e : 0x2a, count) }

    /// `count` attribute pairs and then the reply they belong to. RESP3 only.
    public mutating func attribute(_ count: Int) {
        precondition(version == 3, "attributes in RESP\(version)")
        line(0x7c, count)
    }

    /// The aggregates whose length may be told late.
    public enum Aggregate: Sendable {
        case array, map, set, push
    }

    /// Where the header of an aggregate will be put.
    public struct DeferredLength {
        fileprivate let kind: Aggregate
        fileprivate let position: Int
        fileprivate let externals: Int
    }

    /// Begins an aggregate of yet unknown length; `end` must follow, inner ones first.
    public func begin(_ kind: Aggregate) -> DeferredLength {
        DeferredLength(kind: kind, position: used, externals: externals.count)
    }

    /// Ends an aggregate of `count` elements (of a map: pairs). O(bytes written since `begin`).
    public mutating func end(_ begun: DeferredLength, count: Int) {
        precondition(begun.position <= used, "the aggregate's start at \(begun.position) is gone: \(used) bytes")
        // The header is written at the end like any other, taken off again and moved to its place.
        let end = used
        switch begun.kind {
        case .array: array(count)
        case .map: map(count)
        case .set: set(count)
        case .push: push(count)
        }
        let length = used - end
        used = end
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 24) { room in
            guard let base = room.baseAddress else { return }
            memcpy(base, memory + end, length)
            insert(ByteSlice(base: base, count: length), at: begun.position, after: begun.externals)
        }
    }

    /// RESP3 `,`, RESP2 a bulk string, with the digits of `%.17g` as Redis 7.0 writes them; `inf`, `-inf`, `nan`.
    public mutating func double(_ value: Double) {
        if let whole = Int(exactly: value), whole.magnitude < 1_000_000_000_000_000, whole != 0 || value.sign == .plus {
            if version == 3 { line(0x2c, whole) } else { bulk(number: whole) }
            return
        }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { room in
            guard let base = room.baseAddress else { return }
            // CChar and UInt8 have the same layout.
            let length = base.withMemoryRebound(to: CChar.self, capacity: 32) { firn_format_double(value, $0) }
            let digits = ByteSlice(base: base, count: Int(length))
            if version == 3 {
                raw(",")
                raw(digits)
                raw("\r\n")
            } else {
                bulk(digits)
            }
        }
    }

    /// RESP3 `(`, RESP2 a bulk string. `digits` is a decimal integer of any length.
    public mutating func bigNumber(_ digits: ByteSlice) {
        guard version == 3 else { return bulk(digits) }
        raw("(")
        raw(digits)
        raw("\r\n")
    }

    /// RESP3 `=` with a format of three letters (`txt`, `mkd`), RESP2 a bulk string.
    public mutating func verbatim(_ format: StaticString, _ text: ByteSlice) {
        precondition(format.utf8CodeUnitCount == 3, "verbatim format \(format)")
        guard version == 3 else { return bulk(text) }
        line(0x3d, text.count + 4)
        raw(format)
        raw(":")
        raw(text)
        raw("\r\n")
    }
}
