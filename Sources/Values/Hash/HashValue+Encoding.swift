import Bytes
import Synchronization

// A hash on flash. The first byte is the form; it is on disk and never given another meaning.
//
//     0   the listpack of the packed form
//     1   the pages of the paged form, listpacks of pairs one behind the other; each begins with its length
//     2   the root of the paged form, whose pages are values of their own: see PagedHash+Paging
//
// In form 1 the pages are no more than portions: their elements find their places anew.

extension HashValue {
    private enum Form {
        static let packed: UInt8 = 0
        static let paged: UInt8 = 1
        static let root = RecordEncoding.rootForm
    }

    static func encode(_ value: HashValue, into buffer: inout ByteBuffer) {
        if let listpack = value.listpack {
            buffer.append(Form.packed)
            buffer.append(listpack.bytes)
            return
        }
        if value.paging != nil {
            buffer.append(Form.root)
            value.withPages { $0.appendRoot(to: &buffer) }
            return
        }
        buffer.append(Form.paged)
        value.forEachPage { buffer.append($0.bytes) }
    }

    /// Calls `body` with each page that has pairs.
    private func forEachPage(_ body: (Listpack) -> Void) {
        forEach { pair in
            if pair.field == pair.page.first { body(pair.page) }
            return true
        }
    }

    /// The value from what `encode` has written; nil if the bytes are not in the format. O(bytes).
    static func decode(_ bytes: ByteSlice) -> HashValue? {
        guard bytes.count > 1 else { return nil }
        switch bytes[0] {
        case Form.packed: return decodePacked(bytes.dropFirst(1))
        case Form.paged: return decodePaged(bytes.dropFirst(1))
        case Form.root:
            guard let pages = PagedHash.decode(root: bytes.dropFirst(1), width: 2) else { return nil }
            return HashValue(pages)
        default: return nil
        }
    }

    private static func decodePacked(_ bytes: ByteSlice) -> HashValue? {
        guard let list = ListpackCheck.listpack(bytes) else { return nil }
        guard list.count % 2 == 0, !list.isEmpty else {
            list.free()
            return nil
        }
        return HashValue(taking: list)
    }

    private static func decodePaged(_ bytes: ByteSlice) -> HashValue? {
        let value = HashValue()
        value.unpack()
        var rest = bytes
        while !rest.isEmpty {
            guard rest.count >= 4 else { return nil }
            let length = (0..<4).reduce(0) { $0 | Int(rest[$1]) << (8 * $1) }
            guard length <= rest.count, let page = ListpackCheck.listpack(rest.prefix(length)) else { return nil }
            defer { page.free() }
            guard page.count % 2 == 0, value.insert(pairsOf: page) else { return nil }
            rest = rest.dropFirst(length)
        }
        return value.count > 0 ? value : nil
    }

    /// Sets all pairs of `list`, which has an even number of entries. Returns whether all fields were new.
    private func insert(pairsOf list: Listpack) -> Bool {
        var at = list.first
        while at < list.end {
            let next = list.next(at)
            let isNew = list.withBytes(at) { field in list.withBytes(next) { set(field, $0) } }
            guard isNew else { return false }
            at = list.next(next)
        }
        return true
    }

    /// A hash from a checked listpack as RDB holds it, packed if the number of pairs allows it; nil if a field stands
    /// in it twice or without a value. Takes the listpack over. O(bytes).
    public static func make(taking list: Listpack) -> HashValue? {
        let entries = list.count
        guard entries % 2 == 0, hasDifferentFields(list) else {
            list.free()
            return nil
        }
        let value = HashValue(taking: list)
        if entries / 2 > CollectionLimits.hashEntries.load(ordering: .relaxed) { value.unpack() }
        return value
    }

    private static func hasDifferentFields(_ list: Listpack) -> Bool {
        var seen = PagedHash(width: 1)
        var at = list.first
        while at < list.end {
            let isNew = list.withBytes(at) { field in
                if seen.contains(field) { return false }
                seen.insert(field)
                return true
            }
            guard isNew else { return false }
            at = list.advance(at, by: 2)
        }
        return true
    }
}
