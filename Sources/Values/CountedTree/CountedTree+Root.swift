import Bytes

// The root, numbers little endian, varints of seven bits a byte, the lowest first, the top bit set while more follow;
// on disk, never renumbered:
//
//     collection (8) | elements (8) | pages (8) | next name (8)
//     | of each page, in order: name less that of the page before, zigzag (varint) | elements (varint) | bytes (varint)
//         and in a tree of pairs: of each entry of its lower bound the length (varint) and the bytes
//
// `bytes` are those of the page's listpack. The page is that listpack, or four bytes of zero, where a listpack has its
// length, and a compressed one.

extension CountedTree {
    /// Appends the root. O(pages).
    func appendRoot(to buffer: inout ByteBuffer) {
        guard let paging else { preconditionFailure("the root of a collection without pages on flash") }
        buffer.reserve(32 + 8 * pageCount)
        for number in [paging.collection, UInt64(count), UInt64(pageCount), paging.nextName] {
            for shift in stride(from: 0, to: 64, by: 8) { buffer.append(UInt8(truncatingIfNeeded: number >> shift)) }
        }
        var before: Int64 = 0
        forEachSlot { row, slot in
            let name = Int64(row.names[slot])
            let difference = name - before
            before = name
            Self.append(UInt64(bitPattern: difference << 1 ^ difference >> 63), to: &buffer)
            Self.append(UInt64(row.counts[slot]), to: &buffer)
            Self.append(UInt64(row.pages[slot].totalBytes), to: &buffer)
            if hasBounds { withLowerBound(row, slot) { Self.append(bound: $0, to: &buffer) } }
        }
    }

    private static func append(bound: Listpack, to buffer: inout ByteBuffer) {
        for at in [bound.first, bound.next(bound.first)] {
            bound.withBytes(at) { bytes in
                append(UInt64(bytes.count), to: &buffer)
                buffer.append(bytes)
            }
        }
    }

    /// Takes a bound off the front of `bytes`, as a listpack; nil if they don't begin with one.
    private static func takeBound(_ bytes: inout ByteSlice) -> Listpack? {
        var bound = Listpack()
        for _ in 0..<2 {
            guard let length = take(&bytes), length <= UInt64(bytes.count) else {
                bound.free()
                return nil
            }
            bound.append(bytes.prefix(Int(length)))
            bytes = bytes.dropFirst(Int(length))
        }
        return bound
    }

    private static func append(_ number: UInt64, to buffer: inout ByteBuffer) {
        var rest = number
        while rest >= 0x80 {
            buffer.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        buffer.append(UInt8(rest))
    }

    /// Takes a varint off the front of `bytes`; nil if they don't begin with one below 2^63.
    private static func take(_ bytes: inout ByteSlice) -> UInt64? {
        var number: UInt64 = 0
        for index in 0..<min(bytes.count, 9) {
            number |= UInt64(bytes[index] & 0x7f) << (7 * UInt64(index))
            if bytes[index] < 0x80 {
                bytes = bytes.dropFirst(index + 1)
                return number
            }
        }
        return nil
    }

    private static let rootBytes = 32

    private static func number(_ bytes: ByteSlice, at offset: Int) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(bytes.base).loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// The collection that a root is of; nil if the bytes are none.
    static func collection(ofRoot bytes: ByteSlice) -> UInt64? { bytes.count > rootBytes ? number(bytes, at: 0) : nil }

    /// About so many bytes that the pages of a root have. O(pages).
    static func pageBytes(ofRoot bytes: ByteSlice, width: Int) -> Int {
        var rest = bytes.dropFirst(min(rootBytes, bytes.count))
        var sum = 0
        while take(&rest) != nil, take(&rest) != nil, let bytes = take(&rest) {
            sum += Int(bytes)
            guard width == 2 else { continue }
            for _ in 0..<2 {
                guard let length = take(&rest), length <= UInt64(rest.count) else { return sum }
                rest = rest.dropFirst(Int(length))
            }
        }
        return sum
    }

    /// From a root, all pages away; nil if the bytes are not in the format. `paging`: of a collection that has pages
    /// besides. O(pages).
    static func decode(root bytes: ByteSlice, width: Int, paging known: Paging? = nil) -> CountedTree? {
        guard let collection = collection(ofRoot: bytes), collection > 0,
            known?.collection ?? collection == collection,
            let count = Int(exactly: number(bytes, at: 8)), let pages = Int(exactly: number(bytes, at: 16))
        else { return nil }
        let paging = known ?? Paging(collection: collection)
        paging.nextName = number(bytes, at: 24)
        var result = CountedTree(width: width)
        result.adopt(paging)
        var rest = bytes.dropFirst(rootBytes)
        // Three bytes a page at least.
        guard pages > 0, pages <= rest.count / 3 else { return nil }
        paging.rows.reserveCapacity(pages)
        var name: Int64 = 0
        while !rest.isEmpty {
            guard let difference = take(&rest), let elements = take(&rest), let length = take(&rest) else { return nil }
            let (next, overflow) = name.addingReportingOverflow(
                Int64(bitPattern: difference >> 1) ^ -Int64(bitPattern: difference & 1))
            name = next
            guard !overflow, name >= Paging.firstTreeName, name < paging.nextName, paging.rows[PageName(name)] == nil,
                elements > 0, elements <= UInt64(count - result.count), length <= UInt32.max
            else { return nil }
            var page = CountedTreePage(awayWith: Int(length))
            if result.hasBounds {
                guard let bound = takeBound(&rest) else { return nil }
                page = CountedTreePage(awayWith: Int(length), from: bound, to: nil)
                bound.free()
            }
            result.appendPage(page, elements: Int(elements), name: PageName(name))
            result.absentBytes += Int(length)
            paging.absentInOrder += 1
        }
        guard count > 0, result.count == count, result.pageCount == pages else { return nil }
        if result.hasBounds { result.addUpperBounds() }
        return result
    }

    /// Gives each page, all of which are away, the lower bound of the next one as its upper bound.
    private mutating func addUpperBounds() {
        var before: (row: Node, slot: Int)?
        var added = 0
        forEachSlot { row, slot in
            if let before {
                let old = before.row.pages[before.slot]
                let page = CountedTreePage(awayWith: old.totalBytes, from: old.lower, to: row.pages[slot].lower)
                added += page.memoryBytes - old.memoryBytes
                before.row.pages[before.slot] = page
                old.free()
            }
            before = (row, slot)
        }
        memoryBytes += added
    }
}
