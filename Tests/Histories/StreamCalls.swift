import Bytes

/// Random calls on one stream. With a time of 0 none that is about time.
extension CollectionCalls {
    /// Half of the streams get IDs from the client, the others from the server.
    private mutating func newID(_ key: String) -> String {
        guard let last = key.utf8.last, last % 2 == 0 else { return random.index(below: 12) == 0 ? "7-7" : "*" }
        let time = next() / 3 + 1
        return random.index(below: 4) == 0 ? "\(time)-*" : "\(time)-\(random.index(below: 9))"
    }

    /// IDs that were seen in replies, and now and then one that wasn't.
    private mutating func ids(_ key: String, _ limit: Int = 4) -> [String] {
        let seen = self.seen[key] ?? []
        return (0...random.index(below: limit)).map { _ in
            seen.isEmpty || random.index(below: 10) == 0
                ? "\(random.index(below: 50))-1" : seen[random.index(below: seen.count)]
        }
    }

    private mutating func trimming(_ key: String) -> [String] {
        random.index(below: 2) == 0 ? ["MAXLEN", "\(random.index(below: 60))"] : ["MINID", ids(key, 1)[0]]
    }

    mutating func stream(_ key: String, _ now: Int64) -> [String] {
        let group = "g\(random.index(below: 3))"
        let consumer = "c\(random.index(below: 3))"
        switch random.index(below: 36) {
        case 0..<10: return addition(key)
        case 10, 11: return ["XDEL", key] + ids(key)
        case 12:
            var words = ["XTRIM", key] + trimming(key)
            if random.index(below: 2) == 0 { words.insert("~", at: 3) }
            return words
        case 13:
            let id = ids(key, 1)[0]
            let more = random.index(below: 2) == 0
            return ["XSETID", key, id]
                + (more ? ["ENTRIESADDED", "\(random.index(below: 100))", "MAXDELETEDID", ids(key, 1)[0]] : [])
        case 14..<20: return groups(key, group, consumer)
        case 20..<25: return reading(key, group, consumer)
        case 25, 26: return ["XACK", key, group] + ids(key)
        case 27, 28: return claim(key, group, consumer, now)
        case 29:
            var words = ["XAUTOCLAIM", key, group, consumer, leastIdle(now), ids(key, 1)[0]]
            if random.index(below: 2) == 0 { words += ["COUNT", "\(1 + random.index(below: 5))"] }
            if random.index(below: 3) == 0 { words.append("JUSTID") }
            return words
        case 30: return ["XLEN", key]
        case 31: return ["XPENDING", key, group]
        case 32: return ["XPENDING", key, group, "-", "+", "5"] + (random.index(below: 2) == 0 ? [consumer] : [])
        case 33: return ["XRANGE", key, "-", "+", "COUNT", "20"]
        case 34: return ["XREVRANGE", key, "+", "-"]
        default: return ["XINFO", "STREAM", key, "FULL", "COUNT", "0"]
        }
    }

    private mutating func addition(_ key: String) -> [String] {
        var words = ["XADD", key]
        if random.index(below: 6) == 0 { words.append("NOMKSTREAM") }
        if random.index(below: 6) == 0 { words += trimming(key) }
        words.append(newID(key))
        for _ in 0...random.index(below: 3) { words += [member(), value()] }
        return words
    }

    private mutating func groups(_ key: String, _ group: String, _ consumer: String) -> [String] {
        let id = [ids(key, 1)[0], "$", "0-0"][random.index(below: 3)]
        let read = random.index(below: 3) == 0 ? ["ENTRIESREAD", "\(random.index(below: 40))"] : []
        switch random.index(below: 8) {
        case 0..<3: return ["XGROUP", "CREATE", key, group, id, "MKSTREAM"] + read
        case 3: return ["XGROUP", "CREATE", key, group, id] + read
        case 4: return ["XGROUP", "SETID", key, group, id] + read
        case 5: return ["XGROUP", "CREATECONSUMER", key, group, consumer]
        case 6: return ["XGROUP", "DELCONSUMER", key, group, consumer]
        default: return ["XGROUP", "DESTROY", key, group]
        }
    }

    private mutating func reading(_ key: String, _ group: String, _ consumer: String) -> [String] {
        let count = random.index(below: 2) == 0 ? ["COUNT", "\(1 + random.index(below: 6))"] : []
        switch random.index(below: 8) {
        case 0: return ["XREAD"] + count + ["STREAMS", key, ids(key, 1)[0]]
        case 1: return ["XREADGROUP", "GROUP", group, consumer] + count + ["STREAMS", key, ids(key, 1)[0]]
        case 2: return ["XREADGROUP", "GROUP", group, consumer] + count + ["NOACK", "STREAMS", key, ">"]
        default: return ["XREADGROUP", "GROUP", group, consumer] + count + ["STREAMS", key, ">"]
        }
    }

    private mutating func leastIdle(_ now: Int64) -> String { now == 0 ? "0" : "\(random.index(below: 40))" }

    private mutating func claim(_ key: String, _ group: String, _ consumer: String, _ now: Int64) -> [String] {
        var words = ["XCLAIM", key, group, consumer, leastIdle(now)] + ids(key)
        if now != 0, random.index(below: 3) == 0 {
            words += random.index(below: 2) == 0 ? ["IDLE", "\(random.index(below: 50))"] : ["TIME", time(now)]
        }
        if random.index(below: 4) == 0 { words += ["RETRYCOUNT", "\(random.index(below: 9))"] }
        if random.index(below: 3) == 0 { words.append("FORCE") }
        if random.index(below: 3) == 0 { words.append("JUSTID") }
        if random.index(below: 8) == 0 { words += ["LASTID", ids(key, 1)[0]] }
        return words
    }

    /// Notes the IDs in a reply, so that later calls name some that are there.
    mutating func remember(_ key: String, _ kind: CollectionModel.Kind, _ reply: Reply) {
        guard kind == .stream else { return }
        var found: [String] = []
        func look(_ reply: Reply) {
            switch reply {
            case .array(let parts): for part in parts where found.count < 20 { look(part) }
            case .bulk:
                if let text = reply.texts?.first, let id = StreamModel.ID(text), id != .zero { found.append(text) }
            default: break
            }
        }
        look(reply)
        var known = (seen[key] ?? []) + found
        if known.count > 40 { known.removeFirst(known.count - 40) }
        seen[key] = known
    }
}
