"""Commands on one list, set, hash or sorted set, and between two of a kind; keys of another type come up too."""
from .family import Family

ELEMENTS = ["a", "b", "c", "", "-1", "007", "5", "12345678901", "x" * 65, "y" * 300] + [str(n) for n in range(30)]
# Replies whose order nobody may count on.
UNORDERED = {b"SMEMBERS", b"SINTER", b"SUNION", b"SDIFF", b"HKEYS", b"HVALS"}


class Collections(Family):
    """`OWN` are the commands of the kind: a weight, and what fills the words in. In those K is a key, E an element,
    E+ one or more, I an index, N a small one, F a float, B and L bounds, X|Y a choice, and what follows a ? comes
    half of the times."""

    KEYS = ["k1", "k2", "k3"]
    OWN = []
    READ = []

    def word(self, kind):
        rnd = self.random
        if kind == "K":
            return ["other" if rnd.random() < 0.01 else self.key()]
        if kind == "E":
            return [rnd.choice(ELEMENTS) if rnd.random() < 0.9 else "m%d" % rnd.randrange(700)]
        if kind == "E+":
            return sum((self.word("E") for _ in range(rnd.choice([1, 1, 2, 5, 40]))), [])
        if kind == "EE+":
            return sum((self.word("E") + self.word("E") for _ in range(rnd.choice([1, 1, 2, 5, 40]))), [])
        if kind == "FE+":
            return sum((self.word("F") + self.word("E") for _ in range(rnd.choice([1, 1, 2, 5, 40]))), [])
        if kind == "I":
            return [str(rnd.choice([0, 0, 1, -1, 2, -2, 5, -7, 30, 100, -100, rnd.randrange(-300, 300)]))
                    if rnd.random() < 0.98 else rnd.choice(["x", "", "9223372036854775808", "-9223372036854775808"])]
        if kind == "N":
            return [str(rnd.choice([0, 1, 2, 3, -1, -2, 100]))]
        if kind == "F":
            return [rnd.choice(["0", "1", "-1", "2.5", "1e3", "inf", "-inf", "0.1", "3"])
                    if rnd.random() < 0.98 else rnd.choice(["nan", "x", "", "1e400"])]
        if kind == "B":
            return [rnd.choice(["", "("]) + self.word("F")[0]]
        if kind == "L":
            return [rnd.choice(["-", "+", "[", "(", "[", "["]) + self.word("E")[0]]
        return [rnd.choice(kind.split("|"))] if "|" in kind else [kind]

    def command(self):
        rnd = self.random
        if rnd.random() < 0.01:
            return rnd.choice([["DEL", self.key()], ["DEL", self.key()], ["SET", "other", "text"],
                               ["COPY", self.key(), self.key(), "REPLACE"], ["RENAME", self.key(), self.key()]])
        weights, rows = zip(*self.OWN)
        words = []
        for kind in rnd.choices(rows, weights)[0].split():
            if kind.startswith("?"):
                if rnd.random() < 0.5:
                    break
                kind = kind[1:]
            words += self.word(kind)
        return words[:-1] if rnd.random() < 0.005 and len(words) > 1 else words

    def comparable(self, words, reply):
        if words[0].upper() == b"HGETALL" and reply[0][0] != "-":
            return [reply[0]] + sorted(zip(reply[1::2], reply[2::2]))
        return sorted(reply) if words[0].upper() in UNORDERED else reply

    def values(self, server):
        found = []
        for name in self.KEYS:
            words = [self.READ[0], name] + self.READ[1:]
            words = [word.encode() for word in words]
            found.append(self.comparable(words, server.send(words)))
            found.append(server.send([b"OBJECT", b"ENCODING", name.encode()]))
            found.append(server.send([b"DEBUG", b"DIGEST-VALUE", name.encode()]))
        return found


class Lists(Collections):
    READ = ["LRANGE", "0", "-1"]
    OWN = [
        (6, "RPUSH|LPUSH K E+"), (1, "RPUSHX|LPUSHX K E+"), (4, "RPOP|LPOP K ?I"), (2, "LLEN K"), (3, "LINDEX K I"),
        (3, "LSET K I E"), (3, "LINSERT K BEFORE|AFTER|x E E"), (3, "LREM K N E"), (3, "LRANGE K I I"),
        (1, "LTRIM K I I"), (2, "LPOS K E ?RANK N ?COUNT ?I ?MAXLEN ?I"), (2, "LMOVE K K LEFT|RIGHT LEFT|RIGHT|x"),
        (1, "RPOPLPUSH K K"), (2, "LMPOP 2 K K LEFT|RIGHT ?COUNT I"), (1, "LMPOP I K LEFT"),
    ]


class Sets(Collections):
    """Redis 7.0 draws members at random in its own way: what is drawn isn't compared."""
    READ = ["SMEMBERS"]
    OWN = [
        (8, "SADD K E+"), (4, "SREM K E+"), (2, "SISMEMBER K E"), (2, "SMISMEMBER K E+"), (1, "SCARD K"),
        (1, "SMEMBERS K"), (2, "SMOVE K K E"), (2, "SINTER|SUNION|SDIFF K K ?K"), (1, "SINTERCARD 2 K K ?LIMIT I"),
        (1, "SINTERCARD I K K"), (2, "SINTERSTORE|SUNIONSTORE|SDIFFSTORE K K K"), (1, "SADD K 1|2|3|4|9999999999"),
    ]


class Hashes(Collections):
    READ = ["HGETALL"]
    OWN = [
        (6, "HSET K EE+"), (1, "HMSET K EE+"), (1, "HSETNX K E E"), (4, "HDEL K E+"), (2, "HGET K E"),
        (2, "HMGET K E+"), (1, "HGETALL K"), (1, "HKEYS K"), (1, "HVALS K"), (1, "HLEN K"), (1, "HSTRLEN K E"),
        (1, "HEXISTS K E"), (2, "HINCRBY K E I"), (2, "HINCRBYFLOAT K E F"), (0.3, "HRANDFIELD K I WITHVALUES|x E"),
    ]


class Scores(Collections):
    READ = ["ZRANGE", "0", "-1", "WITHSCORES"]
    OWN = [
        (6, "ZADD K FE+"), (3, "ZADD K NX|XX|GT|LT|CH FE+"), (2, "ZADD K XX|GT|NX CH|LT FE+"),
        (1, "ZADD K INCR|CH F E"), (1, "ZINCRBY K F E"), (4, "ZREM K E+"), (1, "ZCARD K"), (1, "ZSCORE K E"),
        (1, "ZMSCORE K E+"), (2, "ZRANK|ZREVRANK K E"), (2, "ZCOUNT K B B"),
        (3, "ZRANGE K I I ?REV ?WITHSCORES"), (2, "ZRANGE K B B BYSCORE ?REV ?LIMIT I I ?WITHSCORES"),
        (1, "ZREVRANGE K I I ?WITHSCORES"),
        (2, "ZRANGEBYSCORE|ZREVRANGEBYSCORE K B B ?WITHSCORES ?LIMIT I I"),
        (1, "ZRANGESTORE K K I I ?REV"),
        (1, "ZRANGESTORE K K B B BYSCORE ?LIMIT I I"), (1, "ZREMRANGEBYRANK K I I"), (1, "ZREMRANGEBYSCORE K B B"),
        (2, "ZPOPMIN|ZPOPMAX K ?I"), (1, "ZMPOP 2 K K MIN|MAX ?COUNT I"),
    ]


class Names(Collections):
    """Sorted sets of one score: by name."""
    READ = Scores.READ
    OWN = [
        (6, "ZADD K 0 E 0 E 0 E 0 E"), (2, "ZREM K E+"), (2, "ZLEXCOUNT K L L"), (2, "ZRANGE K L L BYLEX ?LIMIT I I"),
        (2, "ZRANGE K L L BYLEX REV ?LIMIT I I"), (2, "ZRANGEBYLEX|ZREVRANGEBYLEX K L L ?LIMIT I I"),
        (1, "ZRANGESTORE K K L L BYLEX ?LIMIT I I"), (1, "ZREMRANGEBYLEX K L L"), (1, "ZRANK|ZREVRANK K E"),
    ]


class Texts(Collections):
    READ = ["GETRANGE", "0", "-1"]
    OWN = [
        (4, "SET K E ?NX|XX|GET|KEEPTTL ?GET|EX ?I"), (1, "SETNX K E"), (1, "GETSET K E"), (1, "GETDEL K"),
        (2, "GET K"), (1, "MGET K K K"), (1, "MSET K E K E"), (1, "MSETNX K E K E"), (3, "APPEND K E"),
        (1, "STRLEN K"), (2, "GETRANGE K I I"), (2, "SETRANGE K I E"), (2, "INCR|DECR K"), (2, "INCRBY|DECRBY K I"),
        (2, "INCRBYFLOAT K F"), (1, "LCS K K ?LEN|IDX ?MINMATCHLEN I ?WITHMATCHLEN"), (1, "GETEX K ?PERSIST|x"),
    ]
