import Bytes
import Commands

@testable import Server

/// Random calls of every command that writes, as the command table has them, on a client's own keys.
///
/// A call is drawn from its command's templates. In them `$` and a letter stand for what is drawn: keys of a kind
/// (S strings, N numbers, B bitmaps, P HyperLogLogs, L lists, T sets, H hashes, Z sorted sets, G geo sets, R trees,
/// E sorted sets of members with the score 0, Y streams with IDs from here, X any stream; a is a key of a kind that is
/// the same all over the call), and v a value, m a member, i a small number, d a number from -9 to 9, f a number with
/// quarters, e a new stream ID, j one that was seen, g a group, c a consumer, w and W a time long ago or long from now
/// in milliseconds and seconds, s the same as a span, p a place on Earth, b the client's other database, z and y many
/// members with scores, or with the score 0.
struct WriteCalls {
    /// By name, a subcommand's behind its container's.
    static let templates: [String: [String]] = [
        // Strings, bitmaps, HyperLogLogs
        "set": ["set $S $v", "set $N $i", "set $S $v xx get", "set $S $v pxat $w", "set $S $v keepttl"],
        "setnx": ["setnx $S $v"], "setex": ["setex $S 100000 $v"], "psetex": ["psetex $S 100000000 $v"],
        "getset": ["getset $S $v"], "getdel": ["getdel $S"],
        "getex": ["getex $S", "getex $S exat $W", "getex $S persist"],
        "mset": ["mset $S $v $S $v $N $i"], "msetnx": ["msetnx $S $v $N $i"],
        "append": ["append $S $v", "append $N $i"],
        "setrange": ["setrange $S $i $v"], "incr": ["incr $N"], "decr": ["decr $N"], "incrby": ["incrby $N $d"],
        "decrby": ["decrby $N $d"], "incrbyfloat": ["incrbyfloat $N $f"],
        "setbit": ["setbit $B $i 1", "setbit $B 90$i 1", "setbit $B $i 0"],
        "bitop": ["bitop or $B $B $B", "bitop xor $B $B $B $B", "bitop not $B $B", "bitop and $B $B $S"],
        "bitfield": [
            "bitfield $B incrby u8 #$i 100 get u4 3", "bitfield $B overflow sat set i16 #$i 999 incrby i16 #1 $d",
        ],
        "pfadd": ["pfadd $P $m $m $v", "pfadd $P"], "pfmerge": ["pfmerge $P $P $P"],
        "pfdebug": ["pfdebug todense $P", "pfdebug encoding $P"],
        // Keys
        "del": ["del $a $a"], "unlink": ["unlink $a"], "expdel": ["expdel $a"], "rename": ["rename $a $a"],
        "renamenx": ["renamenx $a $a"], "copy": ["copy $a $a replace", "copy $a $a", "copy $a $a db $b replace"],
        "move": ["move $a $b"], "persist": ["persist $a"], "expire": ["expire $a $s", "expire $a $s nx"],
        "pexpire": ["pexpire $a $s"], "expireat": ["expireat $a $W"],
        "pexpireat": ["pexpireat $a $w", "pexpireat $a $w gt"],
        "expiremember": ["expiremember $T $m $s", "expiremember $Z $m $s"],
        "expirememberat": ["expirememberat $T $m $W", "expirememberat $H $m $W"],
        "pexpirememberat": ["pexpirememberat $Z $m $w", "pexpirememberat $H $m $w"],
        "sort": ["sort $L alpha store $L", "sort $T alpha desc limit 0 5 store $L", "sort $Z by nosort store $L"],
        // Lists
        "lpush": ["lpush $L $v", "lpush $L $v $m $v"], "rpush": ["rpush $L $v", "rpush $L $m $v $v $v"],
        "lpushx": ["lpushx $L $v"], "rpushx": ["rpushx $L $v"],
        "linsert": ["linsert $L before $m $v", "linsert $L after $m $v"],
        "lset": ["lset $L $d $m"], "lpop": ["lpop $L", "lpop $L 3"], "rpop": ["rpop $L", "rpop $L 2"],
        "lrem": ["lrem $L $d $m"],
        "ltrim": ["ltrim $L $i 20"], "lmpop": ["lmpop 2 $L $L right count 2"], "lmove": ["lmove $L $L left right"],
        "rpoplpush": ["rpoplpush $L $L"], "blpop": ["blpop $L $L 0.005"], "brpop": ["brpop $L 0.005"],
        "blmpop": ["blmpop 0.005 2 $L $L left count 2"], "blmove": ["blmove $L $L right left 0.005"],
        "brpoplpush": ["brpoplpush $L $L 0.005"],
        // Sets
        "sadd": ["sadd $T $m $m $m", "sadd $T $m", "sadd $T $v"], "srem": ["srem $T $m $m"],
        "smove": ["smove $T $T $m"],
        "spop": ["spop $T", "spop $T 2"], "sinterstore": ["sinterstore $T $T $T"],
        "sunionstore": ["sunionstore $T $T $T"],
        "sdiffstore": ["sdiffstore $T $T $T"],
        // Hashes and trees
        "hset": ["hset $H $m $v $m $v", "hset $H $m $i"], "hmset": ["hmset $H $m $v"], "hsetnx": ["hsetnx $H $m $v"],
        "hdel": ["hdel $H $m $m"], "hincrby": ["hincrby $H n$i $d"], "hincrbyfloat": ["hincrbyfloat $H n$i $f"],
        "hexpire": ["hexpire $H $s fields 2 $m n$i"], "hpexpire": ["hpexpire $H $s fields 1 $m"],
        "hexpireat": ["hexpireat $H $W fields 1 $m"], "hpexpireat": ["hpexpireat $H $w fields 2 $m n$i"],
        "hpersist": ["hpersist $H fields 2 $m $m"], "keydb.hrename": ["keydb.hrename $H $m $m"],
        "keydb.nhset": ["keydb.nhset $R.$m.$m $v", "keydb.nhset $R.$m $v $v"],
        // Sorted sets and geo sets
        "zadd": [
            "zadd $Z $d $m $f $m", "zadd $Z gt ch $i $m", "zadd $Z incr $d $m", "zadd $Z $z", "zadd $E $y",
            "zadd $E 0 $m 0 $m",
        ],
        "zincrby": ["zincrby $Z $f $m"],
        "zrem": ["zrem $Z $m $m"], "zremrangebyrank": ["zremrangebyrank $Z 0 $i"],
        "zremrangebyscore": ["zremrangebyscore $Z $d 2", "zremrangebyscore $Z 3 ($i"],
        "zremrangebylex": ["zremrangebylex $E [m1 (m2"],
        "zpopmin": ["zpopmin $Z", "zpopmin $Z 2"], "zpopmax": ["zpopmax $Z"], "zmpop": ["zmpop 2 $Z $Z max count 2"],
        "bzpopmin": ["bzpopmin $Z $Z 0.005"], "bzpopmax": ["bzpopmax $Z 0.005"], "bzmpop": ["bzmpop 0.005 1 $Z min"],
        "zunionstore": ["zunionstore $Z 2 $Z $T weights 2 1"],
        "zinterstore": ["zinterstore $Z 2 $Z $Z aggregate max"],
        "zdiffstore": ["zdiffstore $Z 2 $Z $T"],
        "zrangestore": ["zrangestore $Z $Z 0 5", "zrangestore $Z $Z 0 9 byscore"],
        "geoadd": ["geoadd $G $p $m $p $m", "geoadd $G $p $m"],
        "geosearchstore": [
            "geosearchstore $G $G fromlonlat $p byradius 900 km",
            "geosearchstore $Z $G frommember $m bybox 5000 5000 km storedist",
        ],
        "georadius": ["georadius $G $p 2000 km store $G", "georadius $G $p 5000 km"],
        "georadiusbymember": ["georadiusbymember $G $m 3000 km storedist $Z"],
        // Streams
        "xadd": [
            "xadd $X * $m $v", "xadd $X maxlen ~ 5 * $m $v", "xadd $Y $e $m $v $m $v", "xadd $Y maxlen 9 $e $m $v",
            "xadd $X nomkstream * $m $v",
        ],
        "xdel": ["xdel $X $j $j"], "xtrim": ["xtrim $X maxlen $i", "xtrim $X minid $j", "xtrim $X maxlen ~ $i"],
        "xsetid": ["xsetid $X $j"], "xack": ["xack $X $g $j $j"],
        "xreadgroup": [
            "xreadgroup group $g $c count 3 streams $X >", "xreadgroup group $g $c block 5 streams $X >",
            "xreadgroup group $g $c noack streams $X >", "xreadgroup group $g $c streams $X 0",
        ],
        "xclaim": ["xclaim $X $g $c 0 $j $j", "xclaim $X $g $c 0 $j force justid"],
        "xautoclaim": ["xautoclaim $X $g $c 0 0-0 count 3", "xautoclaim $X $g $c 0 $j justid"],
        "xgroup create": [
            "xgroup create $X $g 0 mkstream", "xgroup create $X $g $", "xgroup create $X $g $j entriesread 2",
        ],
        "xgroup setid": ["xgroup setid $X $g $j", "xgroup setid $X $g 0"],
        "xgroup destroy": ["xgroup destroy $X $g"],
        "xgroup createconsumer": ["xgroup createconsumer $X $g $c"],
        "xgroup delconsumer": ["xgroup delconsumer $X $g $c"],
        // Databases
        "flushdb": ["flushdb"], "swapdb": ["swapdb $q $b"],
    ]

    /// The table's writing commands that no template has, and why.
    static let others: [String: String] = [
        "restore": "WriteHistoryTests draws it: its payload is a DUMP's reply",
        "restore-asking": "RESTORE under another name, where there is no cluster",
        "migrate": "what it does to this server's key is DEL's; MigrateTests has two servers",
        "flushall": "would end the other clients' histories; it is FLUSHDB for each database",
    ]

    /// Reads that show what the writes have done. Replies whose order means nothing are compared without it.
    static let reads = [
        "get $S", "get $N", "bitcount $B", "pfcount $P", "lrange $L 0 -1", "llen $L", "smembers $T", "hgetall $H",
        "zrange $Z 0 -1 withscores", "zscore $Z $m", "zmscore $Z $m $m", "zrank $Z $m", "zrevrank $Z $m withscore",
        "zcount $Z ($d $i", "zrangebyscore $Z $d +inf limit $i 5", "zrevrangebyscore $Z ($i -inf withscores limit 2 $i",
        "zrevrange $Z $i 20", "zlexcount $E [m1 +", "zrangebylex $E ($m + limit $i 4", "zrevrangebylex $E + [$m",
        "zrange $E 0 -1", "geopos $G $m $m", "geodist $G $m $m",
        "zrange $G 0 -1 withscores", "xrange $X - +", "xinfo groups $X", "xpending $X $g",
        "type $a", "exists $a $a", "keydb.nhget $R", "strlen $S", "hlen $H", "scard $T", "zcard $Z", "xlen $X",
        "dbsize",
    ]

    private static let places = ["13.361389 38.115556", "15.087269 37.502669", "2.35 48.85", "-74 40.7"]

    /// Rare, so that there is something to lose.
    private static let rare: Set<String> = ["flushdb", "swapdb"]
    private static let names = templates.keys.sorted()

    /// The rows that write, by the names that templates have.
    static var writingRows: Set<String> {
        var names: Set<String> = []
        for row in CommandFamilies.rows {
            if row.flags.contains(.write) { names.insert("\(row.name)") }
            for subcommand in row.subcommands where subcommand.flags.contains(.write) {
                names.insert("\(row.name) \(subcommand.name)")
            }
        }
        return names
    }

    static func name(_ words: [String]) -> String {
        words[0] == "xgroup" ? "xgroup \(words[1])" : words[0]
    }

    var random: RandomSource
    /// The two databases, the selected one first.
    var databases: (here: Int, there: Int)
    /// IDs of streams that came in replies.
    var identifiers: [String] = []
    private var unique = 0
    /// A call that comes next.
    private var waiting: [[String]] = []

    init(seed: UInt64, databases: (here: Int, there: Int)) {
        random = RandomSource(seed: seed)
        self.databases = databases
    }

    mutating func write() -> [String] {
        if let next = waiting.popLast() { return next }
        while true {
            let name = Self.names[random.index(below: Self.names.count)]
            if Self.rare.contains(name), random.index(below: 8) > 0 { continue }
            let templates = Self.templates[name] ?? []
            let words = fill(templates[random.index(below: templates.count)])
            // Few streams have the group that is drawn: it is made first in half of the cases.
            if let group = words.first(where: { $0.count == 2 && $0.hasPrefix("g") }), random.index(below: 2) == 0,
                let key = words.first(where: { $0.hasPrefix("x:") || $0.hasPrefix("y:") })
            {
                waiting.append(words)
                return ["xgroup", "create", key, group, "0", "mkstream"]
            }
            return words
        }
    }

    mutating func read() -> [String] { fill(Self.reads[random.index(below: Self.reads.count)]) }

    /// The words of a template, with what is drawn in place of what stands for it.
    mutating func fill(_ template: String) -> [String] {
        let kind = Array("SNBPLTHZGRX")[random.index(below: 11)]
        return template.split(separator: " ").flatMap { word -> [String] in
            var parts = word.split(separator: "$", omittingEmptySubsequences: false).map(String.init)
            if parts.count == 1 || word == "$" { return [String(word)] }
            for index in 1..<parts.count {
                guard let letter = parts[index].first else { continue }
                parts[index] = draw(letter, kind) + parts[index].dropFirst()
            }
            // A place is two words, members with scores are more.
            return parts.joined().split(separator: " ").map(String.init)
        }
    }

    mutating func key(_ kind: Character) -> String {
        let letter = kind == "X" ? (random.index(below: 2) == 0 ? "X" : "Y") : kind
        return "\(letter.lowercased()):\(random.index(below: 6))"
    }

    private mutating func draw(_ letter: Character, _ kind: Character) -> String {
        switch letter {
        case "a": return key(kind)
        case "v":
            unique += 1
            return "v\(unique)." + String(repeating: "x", count: random.index(below: 300))
        case "m":
            let number = random.index(below: 30)
            return number % 2 == 0 ? "\(number)" : "m\(number)"
        case "i": return "\(random.index(below: 10))"
        case "d": return "\(random.index(below: 19) - 9)"
        case "f": return ["0.25", "1.5", "-2.75", "3"][random.index(below: 4)]
        case "e":
            unique += 1
            return "\(unique)-\(random.index(below: 9))"
        case "j": return identifiers.isEmpty ? "5-1" : identifiers[random.index(below: identifiers.count)]
        case "g", "c": return "\(letter)\(random.index(below: 3))"
        case "w": return random.index(below: 4) == 0 ? "1000" : "4000000000000"
        case "W": return random.index(below: 4) == 0 ? "1" : "4000000000"
        case "s": return random.index(below: 4) == 0 ? "-1" : "10000000"
        case "p": return Self.places[random.index(below: Self.places.count)]
        case "b": return "\(databases.there)"
        case "z", "y":
            // Some of them long, so that they stand in several pages.
            return (0..<random.index(below: 200)).map { _ in
                let number = random.index(below: 600)
                let text = number % 3 == 0 ? String(repeating: "x", count: 40) : ""
                return "\(letter == "y" ? 0 : random.index(below: 40) - 10) m\(number)\(text)"
            }.joined(separator: " ") + (" 0 m0")
        case "q": return "\(databases.here)"
        default: return key(letter)
        }
    }

    /// Notes the ID that an XADD has made.
    mutating func remember(_ words: [String], _ reply: Reply) {
        guard words[0] == "xadd", case .bulk(let id) = reply else { return }
        identifiers.append(id)
        if identifiers.count > 30 { identifiers.removeFirst() }
    }
}
