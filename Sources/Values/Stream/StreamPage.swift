import Bytes

// A page of a stream is a listpack, item for item as Redis' (it goes into DUMP as it is). Its ID, which the tree has, is
// that of the first entry ever in it; IDs are differences to it, and entries with the fields of the first leave them out:
//
//     live | dead | n | field 1 ... field n | 0 | entry ...
//
//     entry:  flags | milliseconds | sequence | value 1 ... value n | items before this one
//             flags | milliseconds | sequence | m | field 1 | value 1 ... | items before this one
//
// The second form is without flag 2. Flag 1: the entry is dead; it stays until the page goes. The number at an entry's
// end is there to be read backwards, and so is the 0.

/// An entry of a stream: valid until the stream changes.
public struct StreamEntry {
    public let id: StreamID
    /// Pairs of a field and a value.
    public let fieldCount: Int
    let flags: Int64
    /// The entry's first item.
    let offset: Int
    /// The first field, and the first value or pair.
    private let fields: Int
    fileprivate let data: Int
    private let page: Listpack

    static let deadFlag: Int64 = 1
    static let sameFieldsFlag: Int64 = 2

    fileprivate init(_ page: StreamPage, at offset: Int) {
        let list = page.list
        self.page = list
        self.offset = offset
        flags = StreamPage.integer(list, offset)
        var at = list.next(offset)
        let milliseconds = UInt64(bitPattern: StreamPage.integer(list, at))
        at = list.next(at)
        let sequence = UInt64(bitPattern: StreamPage.integer(list, at))
        at = list.next(at)
        id = StreamID(page.id.milliseconds &+ milliseconds, page.id.sequence &+ sequence)
        if flags & Self.sameFieldsFlag != 0 {
            fieldCount = page.fieldCount
            fields = page.fields
        } else {
            fieldCount = Int(StreamPage.integer(list, at))
            at = list.next(at)
            fields = at
        }
        data = at
    }

    var isDead: Bool { flags & Self.deadFlag != 0 }
    var hasSameFields: Bool { flags & Self.sameFieldsFlag != 0 }

    /// Calls `body` with the pairs in their order.
    public func forEach(_ body: (_ field: Listpack.Item, _ value: Listpack.Item) -> Void) {
        var field = fields
        var value = data
        for _ in 0..<fieldCount {
            if hasSameFields {
                body(page.item(field), page.item(value))
                field = page.next(field)
                value = page.next(value)
            } else {
                value = page.next(field)
                body(page.item(field), page.item(value))
                field = page.next(value)
            }
        }
    }
}

/// What stands at the beginning of a page, read.
struct StreamPage {
    let list: Listpack
    let id: StreamID
    /// Entries that are there, and those that are marked as dead.
    let live: Int
    let dead: Int
    /// Fields of the first entry, and where they stand.
    let fieldCount: Int
    let fields: Int
    let firstEntry: Int

    init(_ id: StreamID, _ list: Listpack) {
        self.id = id
        self.list = list
        var at = list.first
        live = Int(Self.integer(list, at))
        at = list.next(at)
        dead = Int(Self.integer(list, at))
        at = list.next(at)
        fieldCount = Int(Self.integer(list, at))
        fields = list.next(at)
        firstEntry = list.advance(fields, by: fieldCount + 1)
    }

    static func integer(_ list: Listpack, _ at: Int) -> Int64 {
        guard case .integer(let number) = list.item(at) else { preconditionFailure("no number at \(at) of a page") }
        return number
    }

    /// Entries that are there.
    static func live(_ list: Listpack) -> Int { Int(integer(list, list.first)) }

    // MARK: Entries

    /// The entry at an offset; nil behind the last.
    func entry(at offset: Int) -> StreamEntry? { offset < list.end ? StreamEntry(self, at: offset) : nil }

    /// The offset behind an entry.
    func end(of entry: StreamEntry) -> Int {
        list.advance(entry.data, by: (entry.hasSameFields ? 1 : 2) * entry.fieldCount + 1)
    }

    /// The entry before an offset; nil before the first.
    func entry(before offset: Int) -> StreamEntry? {
        guard offset > firstEntry else { return nil }
        var at = list.previous(offset)
        for _ in 0..<Self.integer(list, at) { at = list.previous(at) }
        return StreamEntry(self, at: at)
    }

    // MARK: Changing

    /// A page without entries, for those with these fields.
    static func make(_ fieldCount: Int, _ field: (Int) -> ByteSlice) -> Listpack {
        var list = Listpack()
        list.append(integer: 0)
        list.append(integer: 0)
        list.append(integer: Int64(fieldCount))
        for index in 0..<fieldCount { list.append(field(index)) }
        list.append(integer: 0)
        return list
    }

    /// Appends an entry to `list`, the page that this describes.
    func append(
        _ id: StreamID, _ count: Int, to list: inout Listpack, _ pair: (Int) -> (field: ByteSlice, value: ByteSlice)
    ) {
        let isSame = count == fieldCount && hasFields(count) { pair($0).field }
        list.append(integer: isSame ? StreamEntry.sameFieldsFlag : 0)
        list.append(integer: Int64(bitPattern: id.milliseconds &- self.id.milliseconds))
        list.append(integer: Int64(bitPattern: id.sequence &- self.id.sequence))
        if !isSame { list.append(integer: Int64(count)) }
        for index in 0..<count {
            let (field, value) = pair(index)
            if !isSame { list.append(field) }
            list.append(value)
        }
        list.append(integer: Int64(isSame ? count + 3 : 2 * count + 4))
        Self.change(&list, live: live + 1, dead: dead)
    }

    private func hasFields(_ count: Int, _ field: (Int) -> ByteSlice) -> Bool {
        var at = fields
        for index in 0..<count {
            let name = field(index)
            guard list.equals(at, name, StringForm.canonicalInteger(name)) else { return false }
            at = list.next(at)
        }
        return true
    }

    /// Marks an entry of `list` as dead. The page's counts are the caller's to change. No offset changes.
    static func kill(_ entry: StreamEntry, in list: inout Listpack) {
        list.replace(entry.offset, withInteger: entry.flags | StreamEntry.deadFlag)
    }

    /// Stores a page's counts. Offsets may change.
    static func change(_ list: inout Listpack, live: Int, dead: Int) {
        let behind = list.replace(list.first, withInteger: Int64(live))
        if integer(list, behind) != Int64(dead) { list.replace(behind, withInteger: Int64(dead)) }
    }

    // MARK: Checking

    /// Whether a listpack from outside is a page with this ID. Dead entries may have any ID: those that XSETID has gone
    /// back behind do. Returns its entries and the last one's ID.
    static func check(_ list: Listpack, _ id: StreamID) -> (live: Int, last: StreamID?)? {
        var items = Items(list)
        guard let live = items.count(), let dead = items.count(), let fields = items.count(), items.skip(fields),
            items.integer() == 0
        else { return nil }
        var found = (live: 0, dead: 0)
        var last: StreamID?
        while items.hasMore {
            guard let flags = items.integer(), flags & ~(StreamEntry.deadFlag | StreamEntry.sameFieldsFlag) == 0,
                let milliseconds = items.integer(), let sequence = items.integer()
            else { return nil }
            let isSame = flags & StreamEntry.sameFieldsFlag != 0
            guard let count = isSame ? fields : items.count(), items.skip(isSame ? count : 2 * count),
                items.integer() == Int64(isSame ? count + 3 : 2 * count + 4)
            else { return nil }
            if flags & StreamEntry.deadFlag != 0 {
                found.dead += 1
                continue
            }
            let this = StreamID(
                id.milliseconds &+ UInt64(bitPattern: milliseconds), id.sequence &+ UInt64(bitPattern: sequence))
            guard this >= id, last.map({ $0 < this }) ?? true else { return nil }
            last = this
            found.live += 1
        }
        return found == (live, dead) ? (live, last) : nil
    }

    /// A checked listpack, read item by item from the front.
    private struct Items {
        let list: Listpack
        var at: Int

        init(_ list: Listpack) {
            self.list = list
            at = list.first
        }

        var hasMore: Bool { at < list.end }

        mutating func integer() -> Int64? {
            guard hasMore, case .integer(let number) = list.item(at) else { return nil }
            at = list.next(at)
            return number
        }

        /// A number of things that take a byte at least.
        mutating func count() -> Int? {
            guard let number = integer(), number >= 0, number <= list.totalBytes else { return nil }
            return Int(number)
        }

        mutating func skip(_ items: Int) -> Bool {
            for _ in 0..<items {
                guard hasMore else { return false }
                at = list.next(at)
            }
            return true
        }
    }
}
