import RESP

/// One stream as it should be, with its groups, in plain arrays and dictionaries. A part of `CollectionModel`.
///
/// With a time of 0 the history has none: IDs made by the server are what it says if they are larger than the last,
/// and nothing is said of when an entry was delivered.
struct StreamModel: Hashable {
    struct ID: Hashable, Comparable {
        var time: UInt64
        var number: UInt64

        static let zero = ID(time: 0, number: 0)
        var next: ID { ID(time: time, number: number + 1) }
        var text: String { "\(time)-\(number)" }
        static func < (a: ID, b: ID) -> Bool { a.time == b.time ? a.number < b.number : a.time < b.time }
    }
    struct Item: Hashable {
        var id: ID
        var fields: [String]
        var reply: Reply { .array([.text(id.text), .array(fields.map { .text($0) })]) }
    }
    struct Delivery: Hashable {
        var consumer: String
        var time: Int64
        var count: Int
    }
    struct Consumer: Hashable {
        var seen: Int64
        var active: Int64?
    }
    struct Group: Hashable {
        var last: ID
        var read: Int?
        var consumers: [String: Consumer] = [:]
        var pending: [ID: Delivery] = [:]

        var ordered: [ID] { pending.keys.sorted() }

        mutating func see(_ consumer: String, _ now: Int64) {
            consumers[consumer, default: Consumer(seen: now)].seen = now
        }
    }

    var items: [Item] = []
    var last = ID.zero
    var deleted = ID.zero
    var added = 0
    var groups: [String: Group] = [:]

    var first: ID { items.first?.id ?? .zero }

    func item(_ id: ID) -> Item? { items.first { $0.id == id } }

    /// DUMP and RESTORE: payloads are of 7.0's form, which doesn't know when a consumer was last given something.
    mutating func passThroughPayload() {
        groups = groups.mapValues { group in
            var group = group
            group.consumers = group.consumers.mapValues { Consumer(seen: $0.seen, active: $0.seen) }
            return group
        }
    }

    // MARK: How far a group has come

    private func hasDeleted(from id: ID) -> Bool {
        !items.isEmpty && deleted != .zero && first <= deleted && id <= deleted
    }

    private func distance(to id: ID) -> Int? {
        if added == 0 { return 0 }
        if id == last || items.isEmpty && id < last { return added }
        guard id < last, deleted == .zero || deleted < first else { return nil }
        return id < first ? added - items.count : id == first ? added - items.count + 1 : nil
    }

    func lag(_ group: Group) -> Int? {
        if added == 0 { return 0 }
        if let read = group.read, !hasDeleted(from: group.last) { return added - read }
        return distance(to: group.last).map { added - $0 }
    }

    private func advance(_ group: inout Group, to id: ID) {
        if let read = group.read, !hasDeleted(from: id) {
            group.read = read + 1
        } else if added != 0 {
            group.read = distance(to: id)
        }
        group.last = id
    }

    // MARK: Entries

    /// XADD of a stream that is there, or will be. Returns whether the answer was right, and whether there is one now.
    mutating func add(_ words: [String], _ seen: Reply, _ now: Int64, exists: Bool) -> (isRight: Bool, exists: Bool) {
        var at = 2
        var creates = true
        var rule: [String] = []
        while ["NOMKSTREAM", "MAXLEN", "MINID"].contains(words[at]) {
            if words[at] == "NOMKSTREAM" {
                creates = false
                at += 1
            } else {
                rule = [words[at], words[at + 1]]
                at += 2
            }
        }
        if !exists, !creates { return (seen == .null, false) }
        let id: ID
        if words[at] == "*" {
            guard let given = seen.texts?.first.flatMap({ ID($0) }) else { return (false, exists) }
            let due = UInt64(now) > last.time ? ID(time: UInt64(now), number: 0) : last.next
            if now != 0, given != due { return (false, exists) }
            id = given
        } else if words[at].hasSuffix("-*") {
            let time = UInt64(words[at].dropLast(2)) ?? 0
            id = time == last.time ? last.next : ID(time: time, number: 0)
        } else {
            id = ID(words[at]) ?? .zero
        }
        guard id > last else { return (seen == .error("\(ErrorText.streamSmallID)"), exists) }
        items.append(Item(id: id, fields: Array(words[(at + 1)...])))
        last = id
        added += 1
        if !rule.isEmpty { items.removeFirst(excess(rule[0], rule[1])) }
        return (seen == .text(id.text), true)
    }

    /// Entries at the front that are too many.
    private func excess(_ rule: String, _ limit: String) -> Int {
        if rule == "MAXLEN" { return max(0, items.count - (Int(limit) ?? 0)) }
        let least = ID(limit) ?? .zero
        return items.firstIndex { $0.id >= least } ?? items.count
    }

    /// With `~` whole pages go: the answer says how many entries that were, and they may not be more than are too many.
    mutating func trim(_ words: [String], _ seen: Reply) -> Bool {
        guard case .integer(let count) = seen else { return false }
        let isApproximate = words[3] == "~"
        let excess = excess(words[2], words[isApproximate ? 4 : 3])
        guard isApproximate ? (0...excess).contains(count) : count == excess else { return false }
        items.removeFirst(count)
        return true
    }

    mutating func delete(_ words: [String], _ seen: Reply) -> Bool {
        var count = 0
        for id in words[2...].compactMap({ ID($0) }) {
            guard let index = items.firstIndex(where: { $0.id == id }) else { continue }
            items.remove(at: index)
            deleted = max(deleted, id)
            count += 1
        }
        return seen == .integer(count)
    }

    /// XSETID with ENTRIESADDED and MAXDELETEDID, or without.
    mutating func setID(_ words: [String], _ seen: Reply) -> Bool {
        let id = ID(words[2]) ?? .zero
        let count = words.count > 3 ? Int(words[4]) : nil
        let gone = words.count > 3 ? ID(words[6]) ?? .zero : .zero
        if let top = items.last?.id {
            if id < top { return seen == .error("\(ErrorText.setIDBelowTop)") }
            if let count, count < items.count { return seen == .error("\(ErrorText.setIDAddedBelowLength)") }
        }
        last = id
        if let count { added = count }
        if gone != .zero { deleted = gone }
        return seen == .simple("OK")
    }

    // MARK: Groups

    /// XGROUP CREATE and SETID.
    mutating func setGroup(_ words: [String], _ seen: Reply, isNew: Bool) -> Bool {
        let name = words[3]
        if isNew, groups[name] != nil { return seen == .error("\(ErrorText.groupExists)") }
        let id = words[4] == "$" ? last : ID(words[4]) ?? .zero
        let read = words.firstIndex(of: "ENTRIESREAD").flatMap { Int(words[$0 + 1]) }
        groups[name, default: Group(last: id)].last = id
        groups[name]?.read = read
        return seen == .simple("OK")
    }

    mutating func createConsumer(_ words: [String], _ seen: Reply, _ now: Int64) -> Bool {
        let isNew = groups[words[3]]?.consumers[words[4]] == nil
        if isNew { groups[words[3]]?.see(words[4], now) }
        return seen == .integer(isNew ? 1 : 0)
    }

    mutating func deleteConsumer(_ words: [String], _ seen: Reply) -> Bool {
        guard var group = groups[words[3]] else { return false }
        let gone = group.pending.filter { $0.value.consumer == words[4] }
        group.consumers[words[4]] = nil
        for id in gone.keys { group.pending[id] = nil }
        groups[words[3]] = group
        return seen == .integer(gone.count)
    }

    /// XREADGROUP GROUP name consumer [COUNT n] [NOACK] [BLOCK n] STREAMS key id
    mutating func readGroup(_ words: [String], _ seen: Reply, _ now: Int64) -> Bool {
        guard var group = groups[words[2]] else { return false }
        defer { groups[words[2]] = group }
        let limit = words.firstIndex(of: "COUNT").flatMap { Int(words[$0 + 1]) } ?? .max
        let consumer = words[3]
        var replies: [Reply] = []
        if words[words.count - 1] == ">" {
            let new = items.filter { $0.id > group.last }.prefix(limit)
            if new.isEmpty { return seen == .null }
            group.see(consumer, now)
            for item in new {
                advance(&group, to: item.id)
                replies.append(item.reply)
                if words.contains("NOACK") { continue }
                group.pending[item.id] = Delivery(consumer: consumer, time: now, count: 1)
                group.consumers[consumer]?.active = now
            }
        } else {
            let from = ID(words[words.count - 1]) ?? .zero
            group.see(consumer, now)
            for id in group.ordered.filter({ $0 > from && group.pending[$0]?.consumer == consumer }).prefix(limit) {
                guard let item = item(id) else {
                    replies.append(.array([.text(id.text), .null]))
                    continue
                }
                group.pending[id]?.time = now
                group.pending[id]?.count += 1
                replies.append(item.reply)
            }
        }
        return seen == .array([.array([.text(words[words.count - 2]), .array(replies)])])
    }

    mutating func acknowledge(_ words: [String], _ seen: Reply) -> Bool {
        let count = words[3...].compactMap { ID($0) }
            .reduce(0) { $0 + (groups[words[2]]?.pending.removeValue(forKey: $1) == nil ? 0 : 1) }
        return seen == .integer(count)
    }

    /// What an XCLAIM or XAUTOCLAIM gives to whom.
    private struct Claim {
        var group: Group
        let consumer: String
        let isJustIDs: Bool
        let now: Int64
        var time: Int64
        var retries: Int?
        var replies: [Reply] = []

        mutating func take(_ item: Item) {
            group.see(consumer, now)
            let before = group.pending[item.id]?.count ?? 1
            let count = retries ?? (isJustIDs ? before : before + 1)
            group.pending[item.id] = Delivery(consumer: consumer, time: time, count: count)
            group.consumers[consumer]?.active = now
            replies.append(isJustIDs ? .text(item.id.text) : item.reply)
        }
    }

    /// XCLAIM key group consumer least-idle id ... [IDLE n | TIME n] [RETRYCOUNT n] [FORCE] [JUSTID] [LASTID id]
    mutating func claim(_ words: [String], _ seen: Reply, _ now: Int64) -> Bool {
        guard let group = groups[words[2]], let least = Int64(words[4]) else { return false }
        func option(_ name: String) -> String? { words.firstIndex(of: name).map { words[$0 + 1] } }
        let given = option("IDLE").flatMap { Int64($0) }.map { now - $0 } ?? option("TIME").flatMap { Int64($0) }
        let time = given.map { (0...now).contains($0) ? $0 : now } ?? now
        var claim = Claim(
            group: group, consumer: words[3], isJustIDs: words.contains("JUSTID"), now: now, time: time,
            retries: option("RETRYCOUNT").flatMap { Int($0) })
        if let id = option("LASTID").flatMap({ ID($0) }) { claim.group.last = max(group.last, id) }
        for id in words[5...].prefix(while: { $0.contains("-") }).compactMap({ ID($0) }) {
            let delivery = claim.group.pending[id]
            if let item = item(id) {
                if delivery == nil, !words.contains("FORCE") { continue }
                if let delivery, least > 0, now - delivery.time < least { continue }
                claim.take(item)
            } else {
                claim.group.pending[id] = nil
            }
        }
        groups[words[2]] = claim.group
        return seen == .array(claim.replies)
    }

    /// XAUTOCLAIM key group consumer least-idle start [COUNT n] [JUSTID]
    mutating func autoClaim(_ words: [String], _ seen: Reply, _ now: Int64) -> Bool {
        guard let group = groups[words[2]], let least = Int64(words[4]), let start = ID(words[5]) else { return false }
        let limit = words.firstIndex(of: "COUNT").flatMap { Int(words[$0 + 1]) } ?? 100
        var claim = Claim(
            group: group, consumer: words[3], isJustIDs: words.contains("JUSTID"), now: now, time: now, retries: nil)
        var next = ID.zero
        var gone: [Reply] = []
        for (attempt, id) in group.ordered.filter({ $0 >= start }).enumerated() {
            if attempt >= 10 * limit || claim.replies.count + gone.count >= limit {
                next = id
                break
            }
            guard let item = item(id) else {
                claim.group.pending[id] = nil
                gone.append(.text(id.text))
                continue
            }
            if least == 0 || now - (group.pending[id]?.time ?? 0) >= least { claim.take(item) }
        }
        groups[words[2]] = claim.group
        return seen == .array([.text(next.text), .array(claim.replies), .array(gone)])
    }
}

extension StreamModel.ID {
    /// Nil unless it is two numbers with a dash between.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let time = UInt64(parts[0]), let number = UInt64(parts[1]) else { return nil }
        self.init(time: time, number: number)
    }
}
