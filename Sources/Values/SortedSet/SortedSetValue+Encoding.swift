import Bytes

// The value as it stands on flash, and a value made of elements that come in order.

extension SortedSetValue {
    /// The forms on flash.
    private static let listForm: UInt8 = 0
    private static let treeForm: UInt8 = 1
    private static let rootForm = RecordEncoding.rootForm

    /// Form 0: the listpack. Form 1: the tree's pages, each of which begins with its length; the hash is made anew.
    /// Form 2: the root of hash and tree, whose pages are values of their own: see SortedSetValue+Paging.
    func append(to buffer: inout ByteBuffer) {
        if let list {
            buffer.append(Self.listForm)
            buffer.append(list.bytes)
            return
        }
        if paging != nil {
            buffer.append(Self.rootForm)
            return appendRoot(to: &buffer)
        }
        buffer.append(Self.treeForm)
        buffer.reserve(large.order.memoryBytes)
        large.order.forEachPage { page in
            buffer.append(page.bytes)
            return true
        }
    }

    /// The value from what `encode` has written; nil if the bytes are not in the format. O(bytes).
    public static func decode(_ bytes: ByteSlice) -> SortedSetValue? {
        guard bytes.count > 1 else { return nil }
        switch bytes[0] {
        case listForm: return decode(list: bytes.dropFirst(1))
        case treeForm: return decode(pages: bytes.dropFirst(1))
        case rootForm: return decode(root: bytes.dropFirst(1))
        default: return nil
        }
    }

    private static func decode(list bytes: ByteSlice) -> SortedSetValue? {
        guard let list = ListpackCheck.listpack(bytes) else { return nil }
        let result = SortedSetValue()
        result.adopt(list)
        let entries = list.count
        guard entries > 0, entries % 2 == 0 else { return nil }
        result.elements = entries / 2
        var numbers = Set<Int64>()
        var texts = Set<ByteSlice>()
        var before: (score: Double, at: Int)?
        var at = list.first
        while at < list.end {
            let isNew =
                switch list.item(at) {
                case .integer(let number): numbers.insert(number).inserted
                case .bytes(let text): StringForm.canonicalInteger(text) == nil && texts.insert(text).inserted
                }
            guard isNew, let score = listedScore(list, list.next(at)) else { return nil }
            if let before {
                let isBehind =
                    before.score < score
                    || before.score == score && isOrdered(list, before.at, list, at)
                guard isBehind else { return nil }
            }
            before = (score, at)
            at = list.advance(at, by: 2)
        }
        return result
    }

    private static func isOrdered(_ page: Listpack, _ at: Int, _ other: Listpack, _ otherAt: Int) -> Bool {
        page.withBytes(at) { left in other.withBytes(otherAt) { right in left.compare(right) < 0 } }
    }

    private static func decode(pages bytes: ByteSlice) -> SortedSetValue? {
        let index = Index()
        var rest = bytes
        var before: (score: Double, page: Listpack, at: Int)?
        while !rest.isEmpty {
            guard rest.count >= 4 else { return nil }
            let length = UInt32(littleEndian: UnsafeRawPointer(rest.base).loadUnaligned(as: UInt32.self))
            guard Int(length) <= rest.count, let page = ListpackCheck.listpack(rest.prefix(Int(length))) else {
                return nil
            }
            rest = rest.dropFirst(Int(length))
            guard !page.isEmpty, page.count % 2 == 0 else {
                page.free()
                return nil
            }
            // From here on the tree frees it.
            index.order.appendPage(page)
            var at = page.first
            while at < page.end {
                let member = page.next(at)
                guard let score = binaryScore(page, at), !score.isNaN else { return nil }
                if let before {
                    let isBehind =
                        before.score < score
                        || before.score == score && isOrdered(before.page, before.at, page, member)
                    guard isBehind else { return nil }
                }
                before = (score, page, member)
                let isNew = page.withBytes(member) { name in
                    guard index.scores.find(name) == nil else { return false }
                    withBytes(score) { index.scores.insert(name, $0) }
                    return true
                }
                guard isNew else { return nil }
                at = page.next(member)
            }
        }
        let result = SortedSetValue()
        result.elements = index.order.count
        result.adopt(index)
        return result
    }

    // MARK: In order

    /// A value of `count` elements, which `element` gives by number in the order of (score, member), each member once;
    /// `longest`: bytes of the longest member. O(bytes).
    public convenience init(
        count: Int, longest: Int, _ element: (_ number: Int) -> (member: ByteSlice, score: Double)
    ) {
        self.init()
        elements = count
        let isSmall =
            count <= CollectionLimits.zsetEntries.load(ordering: .relaxed)
            && longest <= CollectionLimits.zsetValueBytes.load(ordering: .relaxed)
        if isSmall {
            var fresh = Listpack()
            for number in 0..<count {
                let (member, score) = element(number)
                Self.append(member, score, to: &fresh)
            }
            adopt(fresh)
            return
        }
        let fresh = Index()
        for number in 0..<count {
            let (member, score) = element(number)
            Self.withBytes(score) { bytes in
                fresh.scores.insert(member, bytes)
                fresh.order.append(.bytes(bytes), .bytes(member))
            }
        }
        adopt(fresh)
    }

    /// Calls `body` with member and score of each element, in order. `body` returns whether to go on.
    public func forEach(_ body: (ByteSlice, Double) -> Bool) {
        guard let list else {
            large.order.forEach { page, at in
                let score = Self.pageScore(page, at)
                return page.withBytes(page.next(at)) { body($0, score) }
            }
            return
        }
        var at = list.first
        while at < list.end {
            let score = Self.score(list, list.next(at))
            guard list.withBytes(at, { body($0, score) }) else { return }
            at = list.advance(at, by: 2)
        }
    }
}
