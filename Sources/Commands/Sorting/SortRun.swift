import Bytes
import Keyspace
import RESP
import Values

/// One run of a SORT, which may end in asking for late keys: those of BY first, then those of GET for the elements that
/// will be returned.
struct SortRun: ~Copyable {
    private var request: SortRequest
    private var lookups: LateLookups
    private var lines = SortLines([])
    /// The pages of a list that `lines` refers to and that the list doesn't have in this form.
    private let pages = ExpandedListpacks()
    private var hits = 0
    private var misses = 0

    /// What a key or field holds of an element.
    private enum Held {
        case nothing
        case item(Listpack.Item)
        case record(Record)
    }

    /// The numbers of the elements in the order of the result.
    private enum Outcome {
        case asks
        case notNumbers
        case order([Int])
    }

    init(_ request: SortRequest, _ call: borrowing CommandContext) {
        self.request = request
        lookups = LateLookups(call)
    }

    mutating func run(_ call: inout CommandContext) {
        var source: CollectionValue?
        if let entry = call.keyspace.find(call.key) {
            hits += 1
            source = call.keyspace.collection(of: entry)
            guard source is ListValue || source is SetValue || source is SortedSetValue else {
                call.keyspace.count(hit: true)
                return call.reply.pointee.error(ErrorText.wrongType)
            }
        } else {
            misses += 1
        }
        switch order(source, &call) {
        case .asks: return
        case .notNumbers: call.reply.pointee.error(ErrorText.sortWeights)
        case .order(let order):
            var held: [Held] = []
            guard request.gets.isEmpty || collect(order, &call, into: &held) else { return }
            if request.destination != nil {
                store(order, held, &call)
            } else {
                reply(order, held, call)
            }
        }
        // A run that asks counts nothing: it will be repeated.
        for _ in 0..<hits { call.keyspace.count(hit: true) }
        for _ in 0..<misses { call.keyspace.count(hit: false) }
    }

    // MARK: Order

    private mutating func order(_ source: CollectionValue?, _ call: inout CommandContext) -> Outcome {
        // A set has no order that could be stored: then its members are put in that of their bytes.
        if request.keepsOrder, source is SetValue, request.destination != nil {
            request.keepsOrder = false
            request.isAlphabetic = true
            request.by = nil
        }
        let window = request.window(of: source?.count ?? 0)
        if request.keepsOrder {
            lines = SortLines(elements(inOrder: source, window, isReversed: request.isDescending))
            return .order(Array(source is SetValue ? window : 0..<lines.count))
        }
        lines = SortLines(elements(source))
        if let by = request.by {
            guard weigh(by, &call) else { return lookups.ask(&call) ? .asks : .notNumbers }
        } else if request.isAlphabetic {
            for element in lines.elements {
                element.withBytes { lines.append(text: $0, isCollated: request.destination == nil) }
            }
        } else {
            for element in lines.elements {
                guard let weight = Self.number(element) else { return .notNumbers }
                lines.append(weight: weight)
            }
        }
        return .order(
            lines.sorted(window, isAlphabetic: request.isAlphabetic, isDescending: request.isDescending))
    }

    private func elements(_ source: CollectionValue?) -> [Listpack.Item] {
        var all: [Listpack.Item] = []
        all.reserveCapacity(source?.count ?? 0)
        switch source {
        case let list as ListValue:
            list.forEach(in: 0..<list.count, keptBy: pages) { page, at in
                all.append(page.item(at))
                return true
            }
        case let set as SetValue:
            set.forEach {
                all.append($0)
                return true
            }
        case let sorted as SortedSetValue: sorted.forEachMember(in: 0..<sorted.count) { all.append($0) }
        default: break
        }
        return all
    }

    /// The elements of the window in the value's own order, which a descending sort turns around; of a set, all.
    private func elements(
        inOrder source: CollectionValue?, _ window: Range<Int>, isReversed: Bool
    ) -> [Listpack.Item] {
        guard let source, !(source is SetValue) else { return elements(source) }
        var all: [Listpack.Item] = []
        let range = isReversed ? source.count - window.upperBound..<source.count - window.lowerBound : window
        if let list = source as? ListValue {
            let step = { (page: Listpack, at: Int) -> Bool in
                all.append(page.item(at))
                return true
            }
            if isReversed {
                list.forEachReversed(in: range, keptBy: pages, step)
            } else {
                list.forEach(in: range, keptBy: pages, step)
            }
        } else if let sorted = source as? SortedSetValue {
            sorted.forEachMember(in: range, reversed: isReversed) { all.append($0) }
        }
        return all
    }

    /// Gives each line what its BY key holds. False: keys are missing, or something is no number.
    private mutating func weigh(_ by: SortPattern, _ call: inout CommandContext) -> Bool {
        var isWhole = true
        var areNumbers = true
        for element in lines.elements {
            guard let held = held(by, element, &call) else {
                isWhole = false
                continue
            }
            guard isWhole, areNumbers else { continue }
            if request.isAlphabetic {
                let isCollated = request.destination == nil
                switch held {
                case .nothing: lines.append(text: nil, isCollated: isCollated)
                case .item(let item): item.withBytes { lines.append(text: $0, isCollated: isCollated) }
                case .record(let record): record.withString { lines.append(text: $0, isCollated: isCollated) }
                }
            } else if let weight = Self.weight(held) {
                lines.append(weight: weight)
            } else {
                areNumbers = false
            }
        }
        return isWhole && areNumbers
    }

    /// What is missing weighs nothing; nil: no number.
    private static func weight(_ held: Held) -> Double? {
        switch held {
        case .nothing: 0
        case .item(let item): number(item)
        case .record(let record):
            record.integerValue.map { Double($0) } ?? Decimal.scanDouble(record.storedBytes, clamps: false)
        }
    }

    private static func number(_ item: Listpack.Item) -> Double? {
        switch item {
        case .integer(let number): Double(number)
        case .bytes(let text): Decimal.scanDouble(text, clamps: false)
        }
    }

    // MARK: Late keys

    /// What `pattern` names for an element; nil: the key has been asked for.
    private mutating func held(
        _ pattern: SortPattern, _ element: Listpack.Item, _ call: inout CommandContext
    ) -> Held? {
        switch pattern {
        case .element: return .item(element)
        case .nothing: return .nothing
        case .key(let before, let after, let field):
            let ref = lookups.find(call) { name in
                name.append(before)
                switch element {
                case .integer(let number): name.append(decimal: number)
                case .bytes(let text): name.append(text)
                }
                name.append(after)
            }
            guard let ref else { return nil }
            guard let entry = call.keyspace.find(ref) else {
                misses += 1
                return .nothing
            }
            hits += 1
            guard let field else { return entry.record.type == .string ? .record(entry.record) : .nothing }
            guard let hash = call.keyspace.collection(of: entry) as? HashValue, let pair = hash.find(field) else {
                return .nothing
            }
            return .item(pair.page.item(pair.value))
        }
    }

    /// What the GET patterns name for the elements of the result. False: keys have been asked for.
    private mutating func collect(_ order: [Int], _ call: inout CommandContext, into held: inout [Held]) -> Bool {
        held.reserveCapacity(order.count * request.gets.count)
        for number in order {
            for pattern in request.gets {
                if let what = self.held(pattern, lines.elements[number], &call) { held.append(what) }
            }
        }
        return !lookups.ask(&call)
    }

    // MARK: The result

    private func reply(_ order: [Int], _ held: [Held], _ call: borrowing CommandContext) {
        let reply = call.reply
        if request.gets.isEmpty {
            reply.pointee.array(order.count)
            for number in order { reply.pointee.bulk(lines.elements[number]) }
            return
        }
        reply.pointee.array(held.count)
        for what in held {
            switch what {
            case .nothing: reply.pointee.null()
            case .item(let item): reply.pointee.bulk(item)
            case .record(let record): reply.pointee.string(record)
            }
        }
    }

    private func store(_ order: [Int], _ held: [Held], _ call: inout CommandContext) {
        let list = ListValue()
        if request.gets.isEmpty {
            for number in order { lines.elements[number].withBytes { list.push($0, .right) } }
        }
        for what in held {
            switch what {
            case .nothing: list.push(.empty, .right)
            case .item(let item): item.withBytes { list.push($0, .right) }
            case .record(let record): record.withString { list.push($0, .right) }
            }
        }
        let count = list.count
        // The arguments name the destination behind the key.
        if call.refuses(list) { return }
        call.store(call.keys[1], list, .list, "sortstore")
        call.reply.pointee.integer(count)
    }
}
