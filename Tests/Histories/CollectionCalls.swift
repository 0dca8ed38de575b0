import Bytes

/// Random calls on one collection.
struct CollectionCalls {
    var random: RandomSource
    /// Members are drawn from so many, and values have up to so many bytes.
    var range = 40
    var valueBytes = 300
    private var unique = 0
    /// By stream: the last IDs that came in its replies.
    var seen: [String: [String]] = [:]

    init(seed: UInt64) { random = RandomSource(seed: seed) }

    /// A number that is larger each time.
    mutating func next() -> Int {
        unique += 1
        return unique
    }

    mutating func value() -> String {
        unique += 1
        if random.index(below: 3) == 0 { return "\(unique)" }
        return "v\(unique)." + String(repeating: "x", count: random.index(below: valueBytes))
    }

    /// Half of them numbers, so that there are intsets.
    mutating func member() -> String {
        let number = random.index(below: range)
        return number % 2 == 0 ? "\(number)" : "m\(number)"
    }

    mutating func time(_ now: Int64) -> String { "\(now - 20 + Int64(random.below(500)))" }

    private mutating func some(_ make: (inout CollectionCalls) -> [String]) -> [String] {
        var words: [String] = []
        for _ in 0...random.index(below: 6) { words += make(&self) }
        return words
    }

    mutating func call(_ key: String, _ kind: CollectionModel.Kind, now: Int64, expiries: Bool = true) -> [String] {
        if expiries, random.index(below: 12) == 0 {
            switch random.index(below: kind == .list || kind == .stream ? 2 : 5) {
            case 0: return ["PEXPIREAT", key, time(now + 200)]
            case 1: return ["PERSIST", key]
            case 2: return ["PTTL", key, member()]
            default: return ["PEXPIREMEMBERAT", key, member(), time(now)]
            }
        }
        switch random.index(below: 30) {
        case 0: return ["DEL", key]
        case 1: return ["EXISTS", key]
        default: break
        }
        switch kind {
        case .list: return list(key)
        case .set: return set(key)
        case .hash: return hash(key, now, expiries)
        case .sortedSet: return sortedSet(key)
        case .stream: return stream(key, now)
        }
    }

    private mutating func list(_ key: String) -> [String] {
        switch random.index(below: 12) {
        case 0..<3: return ["RPUSH", key] + some { [$0.value()] }
        case 3..<5: return ["LPUSH", key] + some { [$0.value()] }
        case 5: return ["LPOP", key]
        case 6: return ["RPOP", key]
        case 7: return ["LRANGE", key, "0", "-1"]
        case 8: return ["LSET", key, "\(random.index(below: 5))", value()]
        case 9: return random.index(below: 4) == 0 ? ["LTRIM", key, "1", "30"] : ["LREM", key, "0", "\(unique)"]
        case 10: return ["LINSERT", key, random.index(below: 2) == 0 ? "BEFORE" : "AFTER", "\(unique)", value()]
        default: return ["LLEN", key]
        }
    }

    private mutating func set(_ key: String) -> [String] {
        switch random.index(below: 10) {
        case 0..<4: return ["SADD", key] + some { [$0.member()] }
        case 4: return ["SREM", key] + some { [$0.member()] }
        case 5: return ["SPOP", key]
        case 6: return ["SCARD", key]
        case 7: return ["SISMEMBER", key, member()]
        default: return ["SMEMBERS", key]
        }
    }

    private mutating func hash(_ key: String, _ now: Int64, _ expiries: Bool) -> [String] {
        switch random.index(below: expiries ? 12 : 9) {
        // A field isn't named twice: HSET counts it once, the model would have to.
        case 0..<3: return ["HSET", key, member(), value()]
        case 3: return ["HDEL", key] + some { [$0.member()] }
        case 4: return ["HINCRBY", key, "n\(random.index(below: 4))", "1"]
        case 5: return ["HGET", key, member()]
        case 6: return ["HLEN", key]
        case 7, 8: return ["HGETALL", key]
        case 9, 10: return ["HPEXPIREAT", key, time(now), "FIELDS", "1", member()]
        default: return ["HPERSIST", key, "FIELDS", "1", member()]
        }
    }

    private mutating func sortedSet(_ key: String) -> [String] {
        let score = random.index(below: 100)
        switch random.index(below: 17) {
        case 0..<3:
            // Of many members: so many that they stand in several pages.
            let times = range > 100 ? 8 : 1
            return ["ZADD", key]
                + (0..<times).flatMap { _ in some { ["\($0.random.index(below: 100))", $0.member()] } }
        case 3: return ["ZINCRBY", key, "\(random.index(below: 20) - 10)", member()]
        case 4: return ["ZREM", key] + some { [$0.member()] }
        case 5: return ["ZPOPMIN", key]
        case 6: return ["ZREMRANGEBYRANK", key, "0", "\(random.index(below: 3))"]
        case 7: return ["ZSCORE", key, member()]
        case 8: return ["ZCARD", key]
        case 9: return ["ZRANK", key, member()]
        case 10: return ["ZREVRANK", key, member()]
        case 11: return ["ZCOUNT", key, "\(score)", "\(score + random.index(below: 40))"]
        case 12: return ["ZRANGEBYSCORE", key, "\(score)", "\(score + 20)", "LIMIT", "\(random.index(below: 4))", "5"]
        case 13: return ["ZREVRANGE", key, "\(random.index(below: 30))", "\(random.index(below: 40))"]
        case 14: return ["ZREMRANGEBYSCORE", key, "\(score)", "\(score + 1)"]
        case 15: return ["ZPOPMAX", key, "\(1 + random.index(below: 3))"]
        default: return ["ZRANGE", key, "0", "-1", "WITHSCORES"]
        }
    }
}
