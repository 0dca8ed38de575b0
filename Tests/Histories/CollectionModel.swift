/// One collection as it should be, in plain dictionaries, with the times at which members and the key expire.
///
/// A call is checked together with what it answered: where the answer is a matter of chance (SPOP) it decides what the
/// model does.
struct CollectionModel: Hashable {
    enum Kind: String, CaseIterable, Hashable {
        case list, set, hash, sortedSet, stream

        /// With which a key begins that is of this kind.
        var letter: String { self == .sortedSet ? "z" : self == .stream ? "x" : String(rawValue.prefix(1)) }
    }

    let kind: Kind
    var list: [String] = []
    /// Member or field to value (of a hash), score (of a sorted set) or nothing.
    var members: [String: String] = [:]
    /// Of the members that expire.
    var times: [String: Int64] = [:]
    var expiry: Int64?
    /// Nil: there is none. Unlike others a stream may be empty.
    var stream: StreamModel?

    init(_ kind: Kind) { self.kind = kind }

    var isEmpty: Bool { list.isEmpty && members.isEmpty && stream == nil }

    /// Lets the time come to `now`.
    mutating func advance(to now: Int64) {
        if let expiry, expiry < now { self = CollectionModel(kind) }
        for (member, time) in times where time < now { remove(member) }
        if isEmpty { self = CollectionModel(kind) }
    }

    mutating func remove(_ member: String) {
        members[member] = nil
        times[member] = nil
    }

    private func score(_ member: String) -> Int { members[member].flatMap { Int($0) } ?? 0 }

    private var ordered: [String] {
        members.keys.sorted { a, b in
            score(a) == score(b) ? Array(a.utf8).lexicographicallyPrecedes(Array(b.utf8)) : score(a) < score(b)
        }
    }

    /// The members whose scores are between the words 2 and 3.
    private func within(_ words: [String]) -> [String] {
        ordered.filter { (Int(words[2]) ?? 0)...(Int(words[3]) ?? 0) ~= score($0) }
    }

    private func range(_ from: Int, _ to: Int, of count: Int) -> Range<Int> {
        let from = max(0, from < 0 ? count + from : from)
        let to = min(count - 1, to < 0 ? count + to : to)
        return from <= to && from < count ? from..<to + 1 : 0..<0
    }

    /// Carries a call out, whose key this is, and says whether its answer was right.
    mutating func take(_ words: [String], _ seen: Reply, now: Int64) -> Bool {
        advance(to: now)
        defer { if isEmpty { self = CollectionModel(kind) } }
        switch kind {
        case .list: return takeList(words, seen) ?? takeAny(words, seen, now)
        case .set: return takeSet(words, seen) ?? takeAny(words, seen, now)
        case .hash: return takeHash(words, seen, now) ?? takeAny(words, seen, now)
        case .sortedSet: return takeSortedSet(words, seen) ?? takeAny(words, seen, now)
        case .stream: return takeStream(words, seen, now) ?? takeAny(words, seen, now)
        }
    }

    private mutating func takeAny(_ words: [String], _ seen: Reply, _ now: Int64) -> Bool {
        switch words[0] {
        case "DEL":
            defer { self = CollectionModel(kind) }
            return seen == .integer(isEmpty ? 0 : 1)
        case "EXISTS": return seen == .integer(isEmpty ? 0 : 1)
        case "PEXPIREAT":
            let existed = !isEmpty
            if existed { expiry = Int64(words[2]) }
            if let expiry, expiry <= now { self = CollectionModel(kind) }
            return seen == .integer(existed ? 1 : 0)
        case "PERSIST":
            let had = expiry != nil
            expiry = nil
            return seen == .integer(had ? 1 : 0)
        case "PEXPIREMEMBERAT":
            guard members[words[2]] != nil, let time = Int64(words[3]) else { return seen == .integer(0) }
            if time <= now { remove(words[2]) } else { times[words[2]] = time }
            return seen == .integer(1)
        case "PTTL":
            guard members[words[2]] != nil else { return seen == .integer(-2) }
            return seen == .integer(times[words[2]].map { Int($0 - now) } ?? -1)
        default: preconditionFailure("the model doesn't know \(words[0])")
        }
    }

    private mutating func takeList(_ words: [String], _ seen: Reply) -> Bool? {
        switch words[0] {
        case "RPUSH":
            list += words[2...]
            return seen == .integer(list.count)
        case "LPUSH":
            for word in words[2...] { list.insert(word, at: 0) }
            return seen == .integer(list.count)
        case "LPOP": return seen == (list.isEmpty ? .null : .text(list.removeFirst()))
        case "RPOP": return seen == (list.isEmpty ? .null : .text(list.removeLast()))
        case "BLPOP", "BRPOP":
            guard !list.isEmpty else { return seen == .null }
            let gone = words[0] == "BLPOP" ? list.removeFirst() : list.removeLast()
            return seen == .array([.text(words[1]), .text(gone)])
        case "LLEN": return seen == .integer(list.count)
        case "LRANGE":
            let range = range(Int(words[2]) ?? 0, Int(words[3]) ?? 0, of: list.count)
            return seen == .array(list[range].map { .text($0) })
        case "LTRIM":
            list = Array(list[range(Int(words[2]) ?? 0, Int(words[3]) ?? 0, of: list.count)])
            return seen == .simple("OK")
        case "LSET":
            let index = Int(words[2]) ?? 0
            guard !list.isEmpty else { return seen == .error("ERR no such key") }
            guard index < list.count else { return seen == .error("ERR index out of range") }
            list[index] = words[3]
            return seen == .simple("OK")
        case "LREM":
            let before = list.count
            list.removeAll { $0 == words[3] }
            return seen == .integer(before - list.count)
        case "LINSERT":
            guard !list.isEmpty else { return seen == .integer(0) }
            guard let at = list.firstIndex(of: words[3]) else { return seen == .integer(-1) }
            list.insert(words[4], at: words[2] == "BEFORE" ? at : at + 1)
            return seen == .integer(list.count)
        default: return nil
        }
    }

    private mutating func takeSet(_ words: [String], _ seen: Reply) -> Bool? {
        switch words[0] {
        case "SADD":
            let before = members.count
            for word in words[2...] where members[word] == nil { members[word] = "" }
            return seen == .integer(members.count - before)
        case "SREM":
            let before = members.count
            for word in words[2...] { remove(word) }
            return seen == .integer(before - members.count)
        case "SPOP":
            guard let popped = seen.texts else { return seen == .null && members.isEmpty }
            guard popped.count == 1, members[popped[0]] != nil else { return false }
            remove(popped[0])
            return true
        case "SCARD": return seen == .integer(members.count)
        case "SISMEMBER": return seen == .integer(members[words[2]] == nil ? 0 : 1)
        case "SMEMBERS": return seen.texts?.sorted() == members.keys.sorted()
        default: return nil
        }
    }

    private mutating func takeHash(_ words: [String], _ seen: Reply, _ now: Int64) -> Bool? {
        switch words[0] {
        case "HSET":
            let before = members.count
            for index in stride(from: 2, to: words.count, by: 2) {
                remove(words[index])
                members[words[index]] = words[index + 1]
            }
            let isNew = members.count > before
            return seen == .integer(isNew ? members.count - before : 0)
        case "HDEL":
            let before = members.count
            for word in words[2...] { remove(word) }
            return seen == .integer(before - members.count)
        case "HINCRBY":
            guard let old = Int(members[words[2]] ?? "0") else {
                return seen == .error("ERR hash value is not an integer")
            }
            members[words[2]] = "\(old + 1)"
            return seen == .integer(old + 1)
        case "HGET": return seen == members[words[2]].map { .text($0) } ?? .null
        case "HLEN": return seen == .integer(members.count)
        case "HGETALL":
            guard let texts = seen.texts, texts.count == 2 * members.count else { return false }
            return stride(from: 0, to: texts.count, by: 2).allSatisfy { members[texts[$0]] == texts[$0 + 1] }
        case "HPEXPIREAT":
            let outcome = members[words[5]] == nil ? -2 : (Int64(words[2]) ?? 0) <= now ? 2 : 1
            if outcome == 2 { remove(words[5]) }
            if outcome == 1 { times[words[5]] = Int64(words[2]) }
            return seen == .array([.integer(outcome)])
        case "HPERSIST":
            let outcome = members[words[4]] == nil ? -2 : times[words[4]] == nil ? -1 : 1
            times[words[4]] = nil
            return seen == .array([.integer(outcome)])
        default: return nil
        }
    }

    private mutating func takeSortedSet(_ words: [String], _ seen: Reply) -> Bool? {
        switch words[0] {
        case "ZADD":
            let before = members.count
            for index in stride(from: 2, to: words.count, by: 2) { members[words[index + 1]] = words[index] }
            return seen == .integer(members.count - before)
        case "ZINCRBY":
            members[words[3]] = "\(score(words[3]) + (Int(words[2]) ?? 0))"
            return seen == members[words[3]].map { .text($0) }
        case "ZREM":
            let before = members.count
            for word in words[2...] { remove(word) }
            return seen == .integer(before - members.count)
        case "ZPOPMIN":
            guard let first = ordered.first else { return seen == .array([]) }
            defer { remove(first) }
            return seen == .array([.text(first), .text(members[first] ?? "")])
        case "BZPOPMIN", "BZPOPMAX":
            guard let gone = words[0] == "BZPOPMIN" ? ordered.first : ordered.last else { return seen == .null }
            defer { remove(gone) }
            return seen == .array([.text(words[1]), .text(gone), .text(members[gone] ?? "")])
        case "ZREMRANGEBYRANK":
            let gone = ordered[range(Int(words[2]) ?? 0, Int(words[3]) ?? 0, of: members.count)]
            for member in gone { remove(member) }
            return seen == .integer(gone.count)
        case "ZSCORE": return seen == members[words[2]].map { .text($0) } ?? .null
        case "ZRANK": return seen == ordered.firstIndex(of: words[2]).map { .integer($0) } ?? .null
        case "ZREVRANK":
            return seen == ordered.firstIndex(of: words[2]).map { .integer(members.count - 1 - $0) } ?? .null
        case "ZCOUNT": return seen == .integer(within(words).count)
        case "ZRANGEBYSCORE":
            let found = within(words).dropFirst(Int(words[5]) ?? 0).prefix(Int(words[6]) ?? 0)
            return seen == .array(found.map { .text($0) })
        case "ZREVRANGE":
            let backwards = Array(ordered.reversed())
            let found = backwards[range(Int(words[2]) ?? 0, Int(words[3]) ?? 0, of: members.count)]
            return seen == .array(found.map { .text($0) })
        case "ZREMRANGEBYSCORE":
            let gone = within(words)
            for member in gone { remove(member) }
            return seen == .integer(gone.count)
        case "ZPOPMAX":
            let gone = ordered.suffix(Int(words[2]) ?? 1).reversed()
            let expected = gone.flatMap { [Reply.text($0), .text(members[$0] ?? "")] }
            for member in gone { remove(member) }
            return seen == .array(expected)
        case "ZCARD": return seen == .integer(members.count)
        case "ZRANGE": return seen == .array(ordered.flatMap { [.text($0), .text(members[$0] ?? "")] })
        default: return nil
        }
    }
}
