#!/usr/bin/env python3
"""Sends random commands to two servers and shows where they differ. Both are flushed.

    compare_random.py PORT REDIS_PORT [--seconds N] [--seed N] [--family zsets|sort|all]

Redis 7.0 is meant to be the second. Replies whose order nobody may count on are sorted first. Prints its seed, the
number of commands and of differences; ends with 1 if there is one.
"""
import argparse
import random
import sys
import time

from compare_with_redis import Connection

NUMBERS = ["0", "1", "-1", "2", "3.5", "-2.25", "1e3", "inf", "-inf", "0.1", "100", "7"]
# Nothing out of a double's range: after such a one Redis' SORT finds errno set and refuses other numbers too.
ODD_NUMBERS = ["nan", "abc", "", " 5", "0x10", "99999999999999999999"]
MEMBERS = ["a", "b", "c", "10", "9", "-3", "x" * 70, "007", "d", "e", "1.5", "", "Z"] + [str(n) for n in range(20)]


class Commands:
    def __init__(self, rng):
        self.rng = rng

    def number(self):
        return self.rng.choice(ODD_NUMBERS) if self.rng.random() < 0.02 else self.rng.choice(NUMBERS)

    def key(self):
        if self.rng.random() < 0.03:
            return self.rng.choice(["l1", "str"])
        return self.rng.choice(["z1", "z2", "z3", "s1", "s2", "i1", "big", "zbig", "none"])

    def case(self, word):
        return self.rng.choice([word, word.lower()])

    def change(self):
        rng = self.rng
        kind = rng.randrange(12)
        z, s = rng.choice(["z1", "z2", "z3", "zbig"]), rng.choice(["s1", "s2", "big"])
        if kind < 3:
            return ["ZADD", z] + sum(([rng.choice(NUMBERS), rng.choice(MEMBERS)] for _ in range(rng.randint(1, 4))), [])
        if kind == 3:
            return ["ZREM", z, rng.choice(MEMBERS)]
        if kind < 6:
            return ["SADD", s] + [rng.choice(MEMBERS) for _ in range(rng.randint(1, 4))]
        if kind == 6:
            return ["SREM", s, rng.choice(MEMBERS)]
        if kind == 7:
            return ["SADD", "i1"] + [str(rng.randrange(-50, 50)) for _ in range(3)]
        if kind == 8:
            start = rng.randrange(400)
            return ["SADD", "big"] + [f"m{n}" for n in range(start, start + 30)]
        if kind == 9:
            start = rng.randrange(400)
            return ["ZADD", "zbig"] + sum(([str(n % 17), f"m{n}"] for n in range(start, start + 30)), [])
        if kind == 10:
            return rng.choice([["SET", "str", "x"], ["DEL", self.key()], ["RPUSH", "l1", "1"]])
        return ["DEL", rng.choice(["zbig", "big", "z1", "s1", "i1"])] if rng.random() < 0.1 else ["SADD", "s2", "q"]

    def zsets(self):
        rng = self.rng
        if rng.random() < 0.35:
            return self.change(), False
        name = rng.choice(["ZUNION", "ZINTER", "ZDIFF", "ZINTERCARD", "ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"])
        keys = [self.key() for _ in range(rng.choice([1, 2, 2, 2, 3, 4]))]
        # Redis' sums of one member in several inputs of the same size come in no certain order.
        command = [self.case(name)] + (["d" + self.key()] if name.endswith("STORE") else [])
        count = str(len(keys)) if rng.random() > 0.03 else rng.choice(["0", "-1", "x", "9", "1"])
        command += [count] + keys
        for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
            option = rng.randrange(6)
            fits = {"ZINTERCARD": [4], "ZDIFF": [2], "ZDIFFSTORE": [], "ZUNION": [0, 1, 2], "ZINTER": [0, 1, 2]}
            if rng.random() < 0.9:
                choices = fits.get(name, [0, 1])
                if not choices:
                    continue
                option = rng.choice(choices)
            if option == 0:
                command += [self.case("WEIGHTS")] + [self.number() for _ in keys]
            elif option == 1:
                command += [self.case("AGGREGATE"), rng.choice(["SUM", "min", "MAX", "min", "max", "avg"])]
            elif option in (2, 3):
                command += [self.case("WITHSCORES")]
            elif option == 4:
                command += [self.case("LIMIT"), rng.choice(["0", "1", "2", "5", "-1", "x"])]
            else:
                command += [rng.choice(["WEIGHTS", "AGGREGATE", "foo", "LIMIT"])]
        return command, False

    def sort(self):
        rng = self.rng
        roll = rng.random()
        if roll < 0.15:
            return self.change(), False
        if roll < 0.25:
            name = rng.choice(["l1", "l2"])
            words = [rng.choice(MEMBERS[:8] if rng.random() < 0.2 else MEMBERS[13:]) for _ in range(rng.randint(1, 6))]
            return rng.choice([["RPUSH", name], ["LPUSH", name]]) + words, False
        if roll < 0.28:
            return [rng.choice(["LTRIM", "LTRIM"]), rng.choice(["l1", "l2"]), "0", str(rng.randrange(30))], False
        if roll < 0.40:
            return rng.choice([
                ["SET", "w_" + rng.choice(MEMBERS), rng.choice(NUMBERS)],
                ["SET", "w_" + rng.choice(MEMBERS), self.number()],
                ["HSET", "h_" + rng.choice(MEMBERS), "f", rng.choice(NUMBERS), "g->", "t" + rng.choice(MEMBERS)],
                ["DEL", "w_" + rng.choice(MEMBERS)], ["DEL", "h_" + rng.choice(MEMBERS)],
            ]), False
        source = rng.choice(["l1", "l2", "s1", "i1", "z1", "z2", "zbig", "big", "none", "str", "w_1"])
        command = [rng.choice(["SORT", "SORT", "sort_ro"]), source]
        alpha = rng.random() < 0.4
        by = rng.random() < 0.5
        unordered = False
        options = []
        if by:
            pattern = rng.choice(["w_*", "h_*->f", "nosort", "w_*x", "h_*->", "h_*->nofield", "*"])
            # Texts that compare the same come in no certain order in Redis, and so does what has none.
            if alpha:
                pattern = "u_*" if source in ("l1", "s1", "i1", "z1", "big", "zbig") else "nosort"
            options.append(["BY", pattern])
            unordered = pattern == "nosort" and source in ("s1", "i1", "big")
        if alpha:
            options.append([self.case("ALPHA")])
        if rng.random() < 0.4:
            options.append([self.case(rng.choice(["ASC", "DESC"]))])
        limited = rng.random() < 0.4
        if limited:
            bounds = ["0", "1", "2", "3", "10", "-1", "-5", "100", "5"]
            options.append(["LIMIT", rng.choice(bounds), rng.choice(bounds)])
        for _ in range(rng.choice([0, 0, 0, 1, 2])):
            options.append(["GET", rng.choice(["#", "w_*", "h_*->f", "h_*->g->", "none", "w_*->f"])])
        if rng.random() < 0.25:
            options.append(["STORE", rng.choice(["d1", "l2", "z2", "d2"])])
        rng.shuffle(options)
        if rng.random() < 0.02:
            options.append([rng.choice(["LIMIT", "BY", "GET", "foo", "STORE"])])
        if unordered and limited and not any(o[0] == "STORE" for o in options):
            return ["PING"], False
        return command + sum(options, []), unordered


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("redis", type=int)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--family", default="all", choices=["zsets", "sort", "all"])
    options = parser.parse_args()
    print(f"seed {options.seed}")
    rng = random.Random(options.seed)
    commands = Commands(rng)
    ours, theirs = Connection(options.port), Connection(options.redis)
    families = {"zsets": [commands.zsets], "sort": [commands.sort], "all": [commands.zsets, commands.sort]}
    done = differences = errors = 0
    history = []
    end = time.monotonic() + options.seconds
    for server in (ours, theirs):
        server.send([b"FLUSHALL"])
        # A text for each element, no two the same.
        for number, element in enumerate(MEMBERS + [str(n) for n in range(-50, 50)] + [f"m{n}" for n in range(430)]):
            server.send([b"SET", b"u_" + element.encode(), b"%d-%d" % (number * 7919 % 1009, number)])
    while time.monotonic() < end and differences < 10:
        if done % 5000 == 0:
            version = b"%d" % rng.choice([2, 3])
            for server in (ours, theirs):
                server.send([b"HELLO", version])
        command, unordered = rng.choice(families[options.family])()
        words = [w.encode() for w in command]
        replies = [server.send(words) for server in (ours, theirs)]
        done += 1
        errors += replies[1][0].startswith("-")
        history.append(command)
        if unordered:
            replies = [sorted(r) for r in replies]
        same = replies[0] == replies[1]
        if same and any("STORE" in w.upper() for w in command) and not replies[1][0].startswith("-"):
            target = command[1] if command[0].upper()[0] == "Z" else command[len(command) - 1 - [
                w.upper() for w in reversed(command)].index("STORE") + 1]
            dumps = [server.send([b"DUMP", target.encode()]) for server in (ours, theirs)]
            kind = theirs.send([b"TYPE", target.encode()])
            words = [b"ZRANGE", target.encode(), b"0", b"-1", b"WITHSCORES"] if kind == ["+zset"] else [
                b"LRANGE", target.encode(), b"0", b"-1"]
            replies = [server.send(words) for server in (ours, theirs)]
            same = replies[0] == replies[1] and (dumps[0] == dumps[1] or kind != ["+zset"])
            if not same and replies[0] == replies[1]:
                replies = dumps
        if not same:
            differences += 1
            print("DIFFERS", command, "\n  ours  ", replies[0][:40], "\n  redis ", replies[1][:40])
    print(f"{done} commands, {errors} of them refused, {differences} differences")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
