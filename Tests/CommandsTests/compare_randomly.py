#!/usr/bin/env python3
"""Sends random commands of a family to our server and to a real Redis and shows where the replies differ.

    compare_randomly.py OURS REDIS FAMILY [--count N] [--seed S]

OURS and REDIS are ports; FAMILY is one of bits, fields, hll, geo, radius. Both servers' data is flushed. After every
round of commands the values of all keys are compared too; those of hll also change servers by DUMP and RESTORE.
"""
import argparse
import random

from compare_with_redis import Connection

KEYS = ["a", "b", "c", "d"]


def key(rnd):
    return rnd.choice(KEYS)


def integer(rnd, limit):
    return rnd.choice([rnd.randrange(-limit, limit), rnd.randrange(0, limit), 0, 1, -1, limit])


def blob(rnd):
    kind = rnd.randrange(6)
    if kind == 0:
        return bytes(rnd.randrange(0, 40))
    if kind == 1:
        return b"\xff" * rnd.randrange(0, 40)
    if kind == 2:
        return str(rnd.randrange(-10**6, 10**9)).encode()
    return rnd.randbytes(rnd.choice([1, 7, 8, 9, 33, 200, 20000]))


def ranged(rnd, limit):
    words = [integer(rnd, limit), integer(rnd, limit)]
    return words + rnd.choice([[], [], ["BIT"], ["BYTE"], ["bits"]])


def bits(rnd):
    kind = rnd.randrange(12)
    if kind == 0:
        return ["SET", key(rnd), blob(rnd)]
    if kind == 1:
        return ["DEL", key(rnd)]
    if kind < 5:
        offset = rnd.choice([rnd.randrange(400), rnd.randrange(200000), integer(rnd, 100), "x", 2**33])
        return ["SETBIT", key(rnd), offset, rnd.choice([0, 1, 0, 1, 2, "y"])]
    if kind == 5:
        return ["GETBIT", key(rnd), rnd.choice([rnd.randrange(400), rnd.randrange(200000), -1])]
    if kind < 8:
        limit = rnd.choice([5, 50, 400, 200000])
        return ["BITCOUNT", key(rnd)] + rnd.choice([[], [1], ranged(rnd, limit), ranged(rnd, limit)])
    if kind < 10:
        limit = rnd.choice([5, 50, 400, 200000])
        end = ranged(rnd, limit)
        return ["BITPOS", key(rnd), rnd.choice([0, 1, 0, 1, 2])] + rnd.choice([[], end[:1], end, end])
    if kind == 10:
        return ["BITOP", rnd.choice(["NOT", "AND"]), key(rnd), key(rnd)]
    sources = [key(rnd) for _ in range(rnd.randrange(1, 5))]
    return ["BITOP", rnd.choice(["AND", "OR", "XOR", "xor", "not", "nor"]), key(rnd)] + sources


def fields(rnd):
    if rnd.randrange(12) == 0:
        return ["SET", key(rnd), blob(rnd)]
    if rnd.randrange(40) == 0:
        return ["DEL", key(rnd)]
    words = [rnd.choice(["BITFIELD"] * 5 + ["BITFIELD_RO"]), key(rnd)]
    for _ in range(rnd.randrange(0, 6)):
        width = rnd.choice([rnd.randrange(1, 66), 8, 16, 64, 63])
        kind = rnd.choice("iu") + str(width)
        offset = rnd.choice([rnd.randrange(300), "#%d" % rnd.randrange(40), rnd.randrange(3000)])
        if rnd.randrange(60) == 0:
            offset, kind = rnd.choice([(-1, kind), ("#x", kind), (0, "x8"), (0, "i"), ("#-1", kind)])
        value = rnd.choice([integer(rnd, 300), integer(rnd, 2**62), 2**63 - 1, -2**63, rnd.randrange(-2**63, 2**63)])
        which = rnd.randrange(8)
        if which < 2:
            words += ["GET", kind, offset]
        elif which < 4:
            words += ["SET", kind, offset, value]
        elif which < 6:
            words += ["INCRBY", kind, offset, value]
        else:
            words += ["OVERFLOW", rnd.choice(["WRAP", "SAT", "FAIL", "sat", "fail"])]
    return words


def hll(rnd):
    kind = rnd.randrange(40)
    if kind == 0:
        return ["DEL", key(rnd)]
    if kind == 1:
        return ["PFCOUNT"] + [key(rnd) for _ in range(rnd.randrange(1, 5))]
    if kind == 2:
        return ["PFMERGE", key(rnd)] + [key(rnd) for _ in range(rnd.randrange(0, 3))]
    if kind == 3:
        return ["PFDEBUG", rnd.choice(["DECODE", "ENCODING", "encoding", "TODENSE", "GETREG", "nothing"]), key(rnd)]
    if kind == 4:
        return rnd.choice([["SET", key(rnd), "12"], ["PFCOUNT", "nothing"], ["STRLEN", key(rnd)], ["PFADD", key(rnd)]])
    if kind == 5:
        return ["SETRANGE", key(rnd), rnd.randrange(0, 400), rnd.randbytes(1)]
    if kind < 8:
        return ["PFCOUNT", key(rnd)]
    spread = rnd.choice([20, 300, 5000, 10**9])
    return ["PFADD", key(rnd)] + [str(rnd.randrange(spread)) * rnd.randrange(1, 4) for _ in range(rnd.randrange(0, 60))]


MEMBERS = ["m%d" % n for n in range(400)]
UNITS = ["m", "km", "ft", "mi", "KM"]


def place(rnd, near):
    if near:
        return [repr(rnd.uniform(13, 14)), repr(rnd.uniform(37, 39))]
    if rnd.randrange(100) == 0:
        return [rnd.choice(["180", "-180", "200", "x"]), rnd.choice(["85.05112878", "-85.05112878", "90"])]
    return [repr(rnd.uniform(-180, 180)), repr(rnd.uniform(-85, 85))]


def add(rnd):
    words = ["GEOADD", key(rnd)] + rnd.choice([[], [], ["NX"], ["XX"], ["CH"], ["CH", "XX"], ["NX", "XX"]])
    near = rnd.randrange(2)
    for _ in range(rnd.randrange(1, rnd.choice([4, 40]))):
        words += place(rnd, near) + [rnd.choice(MEMBERS)]
    return words


def extras(rnd):
    # COUNT without ANY: Redis' order of members at the same distance isn't defined, so distances are asked for.
    words = []
    for word in ["WITHCOORD", "WITHDIST", "WITHHASH"]:
        words += [word] if rnd.randrange(2) else []
    return words


def limits(rnd):
    words = rnd.choice([[], ["ASC"], ["DESC"]])
    if rnd.randrange(2):
        words = words + ["COUNT", rnd.choice([1, 2, 5, 50, 50, 0])] + rnd.choice([[], ["ANY"]])
    elif rnd.randrange(40) == 0:
        words = words + ["ANY"]
    return words


def distance(rnd):
    return repr(rnd.choice([rnd.uniform(0, 100), rnd.uniform(0, 3000), rnd.uniform(0, 30000), 0, 10**rnd.randrange(9)]))


def search(rnd, store):
    words = ["GEOSEARCHSTORE", key(rnd), key(rnd)] if store else ["GEOSEARCH", key(rnd)]
    center = (["FROMMEMBER", rnd.choice(MEMBERS)] if rnd.randrange(3) == 0
              else ["FROMLONLAT"] + place(rnd, rnd.randrange(2)))
    by = ["BYRADIUS", distance(rnd)] if rnd.randrange(2) else ["BYBOX", distance(rnd), distance(rnd)]
    parts = [center, by + [rnd.choice(UNITS)], limits(rnd)]
    if not store or rnd.randrange(40) == 0:
        parts.append(extras(rnd))
    if store and rnd.randrange(2):
        parts.append(["STOREDIST"])
    if rnd.randrange(40) == 0:
        parts.pop(rnd.randrange(len(parts)))
    if rnd.randrange(40) == 0:
        parts.append(rnd.choice([center, by, ["what"], ["STORE", "x"], ["COUNT"]]))
    rnd.shuffle(parts)
    return words + sum(parts, [])


def geo(rnd):
    kind = rnd.randrange(20)
    if kind < 4:
        return add(rnd)
    if kind == 4:
        return rnd.choice([["DEL", key(rnd)], ["ZREM", key(rnd), rnd.choice(MEMBERS)], ["ZCARD", key(rnd)],
                           ["ZADD", key(rnd), rnd.choice(["-1", "1e300", "5.5", "9e15", "-1e19"]),
                            rnd.choice(MEMBERS)]])
    if kind == 5:
        return ["GEODIST", key(rnd), rnd.choice(MEMBERS), rnd.choice(MEMBERS)] + rnd.choice([[], ["km"], ["x"], ["mi"]])
    if kind < 8:
        return [rnd.choice(["GEOPOS", "GEOHASH"]), key(rnd)] + [rnd.choice(MEMBERS) for _ in range(rnd.randrange(9))]
    return search(rnd, kind > 17)


def radius(rnd):
    if rnd.randrange(6) == 0:
        return add(rnd)
    around = rnd.randrange(2)
    name = ["GEORADIUS", "GEORADIUSBYMEMBER"][around] + rnd.choice(["", "", "_RO"])
    words = [name, key(rnd)] + (place(rnd, rnd.randrange(2)) if around == 0 else [rnd.choice(MEMBERS)])
    words += [distance(rnd), rnd.choice(UNITS + ["x"] if rnd.randrange(20) == 0 else UNITS)]
    parts = [limits(rnd)]
    if rnd.randrange(3) == 0:
        parts.append([rnd.choice(["STORE", "STOREDIST"]), key(rnd)])
    else:
        parts.append(extras(rnd))
    rnd.shuffle(parts)
    return words + sum(parts, [])


FAMILIES = {"bits": bits, "fields": fields, "hll": hll, "geo": geo, "radius": radius}


def encode(word):
    return word if isinstance(word, bytes) else str(word).encode()


def values(connection, family):
    """What the keys hold. A geo key in `geo` is a sorted set."""
    read = ["ZRANGE", 0, -1, "WITHSCORES"] if family in ("geo", "radius") else ["GETRANGE", 0, -1]
    return [connection.send([encode(w) for w in read[:1] + [name] + read[1:]]) for name in KEYS]


def dump(connection, name):
    connection.file.write(b"*2\r\n$4\r\nDUMP\r\n$%d\r\n%s\r\n" % (len(name), name.encode()))
    connection.file.flush()
    count = int(connection.file.readline()[1:])
    return connection.file.read(count + 2)[:-2] if count >= 0 else None


def exchange(ours, redis):
    """Values change servers. Redis refuses newer versions of RDB than its own: ours are written as version 10."""
    for name in KEYS:
        mine, theirs = dump(ours, name), dump(redis, name)
        for connection, payload in ((ours, theirs), (redis, mine)):
            if payload is not None:
                reply = connection.send([b"RESTORE", name.encode(), b"0", payload, b"REPLACE"])
                assert reply == ["+OK"], reply


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours", type=int)
    parser.add_argument("redis", type=int)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    parser.add_argument("--resp", type=int, default=2)
    options = parser.parse_args()
    rnd = random.Random(options.seed)
    ours, redis = Connection(options.ours), Connection(options.redis)
    for connection in (ours, redis):
        connection.send([b"HELLO", str(options.resp).encode()])
        connection.send([b"FLUSHALL"])
    differences, rounds = 0, 0
    for number in range(options.count):
        words = [encode(word) for word in FAMILIES[options.family](rnd)]
        mine, theirs = ours.send(words), redis.send(words)
        if mine != theirs:
            differences += 1
            if differences <= 10:
                print(f"{number}: {b' '.join(words)[:300]}\n  ours  {' '.join(mine)[:300]}\n"
                      f"  redis {' '.join(theirs)[:300]}")
        if number % 200 == 199:
            rounds += 1
            if values(ours, options.family) != values(redis, options.family):
                differences += 1
                print(f"{number}: the values differ")
            if options.family == "hll":
                exchange(ours, redis)
    print(f"{options.family}, seed {options.seed}: {options.count} commands, {rounds} times all values, "
          f"{differences} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    raise SystemExit(main())
