#!/usr/bin/env python3
"""Restores damaged payloads and uses what comes of them: the server must survive and answer.

    fuzz_restore.py PORT [--seconds N] [--seed S]

The server needs `enable-debug-command`; its data is flushed.
"""
import argparse
import random
import time

from compare_with_redis import Connection
from random_commands.family import dump


def fill(send):
    for size, name in ((3, "small"), (10, "middle"), (700, "large")):
        for number in range(size):
            value = str(number) if number % 2 == 0 else "_%d" % number
            send("HSET", "hash-" + name, value, "v%d" % number)
            send("RPUSH", "list-" + name, value)
            send("ZADD", "zset-" + name, number / 4, value)
            send("SADD", "set-" + name, value)
            send("SADD", "ints-" + name, number * 1000)
            send("PFADD", "hll-" + name, value)
            send("GEOADD", "geo-" + name, number / 10, number / 20, value)
    send("SET", "text", "x" * 300)
    send("SET", "int", "12345")
    send("PFADD", "dense", "a")
    send("PFDEBUG", "TODENSE", "dense")


# Commands on the restored key k; # is a random number, * a random word.
USES = [line.split() for line in """
GET k|STRLEN k|APPEND k *|SETRANGE k # *|GETRANGE k # -1|INCR k|SETBIT k # 1|BITCOUNT k|BITPOS k 1|BITOP NOT k k
BITFIELD k SET u8 # 1|PFADD k *|PFCOUNT k|PFMERGE k k|PFDEBUG DECODE k
LLEN k|LRANGE k 0 -1|LPUSH k *|RPOP k|LINSERT k BEFORE * *|LREM k 0 *|LSET k # *|LPOS k *|LTRIM k 1 -2|LINDEX k #
SCARD k|SMEMBERS k|SADD k *|SREM k *|SISMEMBER k *|SPOP k|SRANDMEMBER k -20|SSCAN k 0 COUNT 100|SINTER k k
ZCARD k|ZRANGE k 0 -1 WITHSCORES|ZADD k # *|ZREM k *|ZRANK k *|ZSCORE k *|ZPOPMIN k|ZRANGEBYSCORE k -inf +inf
ZREMRANGEBYRANK k 0 1|ZINCRBY k 1 *|ZSCAN k 0|ZRANDMEMBER k -20|ZREVRANGE k 0 -1|ZCOUNT k 0 #|ZLEXCOUNT k - +
GEOPOS k *|GEOSEARCH k FROMLONLAT 1 1 BYRADIUS 1000 km|GEOHASH k *
HLEN k|HGETALL k|HSET k * *|HDEL k *|HGET k *|HINCRBY k * 1|HSCAN k 0 COUNT 100|HRANDFIELD k -20 WITHVALUES|HKEYS k
OBJECT ENCODING k|DUMP k|COPY k copy REPLACE|TYPE k|DEBUG OBJECT k|MEMORY USAGE k|EXPIRE k 100|DEBUG DIGEST-VALUE k
""".replace("\n", "|").split("|") if line]


def use(rnd, send):
    for _ in range(60):
        words = []
        for word in rnd.choice(USES):
            if word == "#":
                word = str(rnd.choice([0, 1, 2, 5, 100, 3000, -1]))
            elif word == "*":
                word = rnd.choice([str(rnd.randrange(20)), "_%d" % rnd.randrange(20), "x" * rnd.randrange(100), ""])
            words.append(word)
        send(*words)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    options = parser.parse_args()
    rnd = random.Random(options.seed)
    connection = Connection(options.port)

    def send(*words):
        return connection.send([w if isinstance(w, bytes) else str(w).encode() for w in words])

    send("FLUSHALL")
    assert send("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "1") == ["+OK"]
    fill(send)
    kinds = ("hash-", "list-", "zset-", "set-", "ints-", "hll-", "geo-")
    names = ["text", "int", "dense"] + [kind + size for kind in kinds for size in ("small", "middle", "large")]
    payloads = []
    for compresses in ("yes", "no"):
        send("CONFIG", "SET", "rdbcompression", compresses)
        payloads += [dump(connection, name) for name in names]
    restored, refused, end = 0, 0, time.monotonic() + options.seconds
    while time.monotonic() < end:
        payload = bytearray(rnd.choice(payloads))
        for _ in range(rnd.choice([1, 1, 1, 2, 5])):
            payload[rnd.randrange(len(payload))] = rnd.randrange(256)
        if rnd.randrange(20) == 0:
            payload[0] = rnd.randrange(30)
        reply = send("RESTORE", "k", "0", bytes(payload), "REPLACE")
        if reply != ["+OK"]:
            assert reply[0].startswith("-ERR"), (reply, bytes(payload).hex())
            refused += 1
            continue
        restored += 1
        try:
            use(rnd, send)
        except (OSError, IndexError, ValueError):
            raise SystemExit(f"seed {options.seed}: the server did not survive {bytes(payload).hex()}")
        send("DEL", "k", "copy")
    assert send("DBSIZE") == [":%d" % len(names)], send("DBSIZE")
    send("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "0")
    print(f"seed {options.seed}: {restored} restored and used, {refused} refused")


if __name__ == "__main__":
    main()
