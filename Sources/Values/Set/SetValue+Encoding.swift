import Bytes

// A set on flash, behind the byte that says its form (on disk: never renumbered):
//
//     0 | intset as in Intset.swift
//     1 | page | page ...              each a listpack of members, which begins with its length (4, little endian)
//     2 | root                         of pages that are values of their own: see PagedHash+Paging
//
// In form 1 it is not kept where a page stood in the directory.

extension SetValue {
    private enum Form {
        static let intset: UInt8 = 0
        static let pages: UInt8 = 1
        static let root = RecordEncoding.rootForm
    }

    /// What `encode` appends.
    func append(to buffer: inout ByteBuffer) {
        if let intset {
            buffer.append(Form.intset)
            buffer.append(intset.bytes)
            return
        }
        if paging != nil {
            buffer.append(Form.root)
            withPages { $0.appendRoot(to: &buffer) }
            return
        }
        buffer.append(Form.pages)
        forEachPage { buffer.append($0.bytes) }
    }

    /// The set from what `encode` has written; nil if the bytes are not in the format: no member, two that are the
    /// same, a listpack that is none. O(n).
    static func decode(_ bytes: ByteSlice) -> SetValue? {
        guard let form = bytes.buffer.first else { return nil }
        switch form {
        case Form.intset:
            guard let integers = Intset(checking: bytes.dropFirst(1)) else { return nil }
            let set = SetValue(integers)
            return set.count > 0 ? set : nil
        case Form.pages: return decode(pages: bytes.dropFirst(1))
        case Form.root:
            guard let pages = PagedHash.decode(root: bytes.dropFirst(1), width: 1) else { return nil }
            return SetValue(table: pages)
        default: return nil
        }
    }

    private static func decode(pages: ByteSlice) -> SetValue? {
        let set = SetValue(table: PagedHash(width: 1))
        var rest = pages
        while !rest.isEmpty {
            guard rest.count >= 4 else { return nil }
            let length = Int(UInt32(littleEndian: UnsafeRawPointer(rest.base).loadUnaligned(as: UInt32.self)))
            guard length <= rest.count, let page = ListpackCheck.listpack(rest.prefix(length)) else { return nil }
            defer { page.free() }
            guard set.addAll(page) else { return nil }
            rest = rest.dropFirst(length)
        }
        return set.count > 0 ? set : nil
    }

    /// Adds the entries of a listpack; false if one of them is there already.
    public func addAll(_ list: Listpack) -> Bool {
        var at = list.first
        while at < list.end {
            guard add(list.item(at)) else { return false }
            at = list.next(at)
        }
        return true
    }
}
