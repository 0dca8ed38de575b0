"""Operations on several sorted sets and sets, and SORT."""
from .family import Family, dump

NUMBERS = ["0", "1", "-1", "2", "3.5", "-2.25", "1e3", "inf", "-inf", "0.1", "100", "7"]
# Nothing out of a double's range: after such a one Redis' SORT finds errno set and refuses other numbers too.
ODD_NUMBERS = ["nan", "abc", "", " 5", "0x10", "99999999999999999999"]
MEMBERS = ["a", "b", "c", "10", "9", "-3", "x" * 70, "007", "d", "e", "1.5", "", "Z"] + [str(n) for n in range(20)]


class Stored(Family):
    """Commands that read and store sets, sorted sets and lists."""

    def number(self):
        return self.random.choice(ODD_NUMBERS) if self.random.random() < 0.02 else self.random.choice(NUMBERS)

    def any_key(self):
        if self.random.random() < 0.03:
            return self.random.choice(["l1", "str"])
        return self.random.choice(["z1", "z2", "z3", "s1", "s2", "i1", "big", "zbig", "none"])

    def case(self, word):
        return self.random.choice([word, word.lower()])

    def change(self):
        rng = self.random
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
            return rng.choice([["SET", "str", "x"], ["DEL", self.any_key()], ["RPUSH", "l1", "1"]])
        return ["DEL", rng.choice(["zbig", "big", "z1", "s1", "i1"])] if rng.random() < 0.1 else ["SADD", "s2", "q"]

    def results(self, servers, words, replies):
        names = [word.upper() for word in words]
        if not any(b"STORE" in name for name in names) or replies[1][0].startswith("-"):
            return None
        # SORT's destination follows the last STORE.
        target = words[1] if names[0][:1] == b"Z" else words[len(words) - names[::-1].index(b"STORE")]
        if servers[1].send([b"TYPE", target]) == ["+zset"]:
            read = [b"ZRANGE", target, b"0", b"-1", b"WITHSCORES"]
            return [(server.send(read), dump(server, target.decode())) for server in servers]
        return [server.send([b"LRANGE", target, b"0", b"-1"]) for server in servers]


class SortedSets(Stored):
    def command(self):
        rng = self.random
        if rng.random() < 0.35:
            return self.change()
        name = rng.choice(["ZUNION", "ZINTER", "ZDIFF", "ZINTERCARD", "ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"])
        keys = [self.any_key() for _ in range(rng.choice([1, 2, 2, 2, 3, 4]))]
        # Redis' sums of one member in several inputs of the same size come in no certain order.
        command = [self.case(name)] + (["d" + self.any_key()] if name.endswith("STORE") else [])
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
        return command


class Sorting(Stored):
    """Replies whose order nobody may count on are sorted first."""
    is_unordered = False

    def prepare(self):
        """A text for each element, no two the same."""
        elements = MEMBERS + [str(n) for n in range(-50, 50)] + [f"m{n}" for n in range(430)]
        return [["SET", "u_" + element, "%d-%d" % (number * 7919 % 1009, number)]
                for number, element in enumerate(elements)]

    def comparable(self, words, reply):
        return sorted(reply) if self.is_unordered else reply

    def command(self):
        rng = self.random
        self.is_unordered = False
        roll = rng.random()
        if roll < 0.15:
            return self.change()
        if roll < 0.25:
            name = rng.choice(["l1", "l2"])
            words = [rng.choice(MEMBERS[:8] if rng.random() < 0.2 else MEMBERS[13:]) for _ in range(rng.randint(1, 6))]
            return rng.choice([["RPUSH", name], ["LPUSH", name]]) + words
        if roll < 0.28:
            return [rng.choice(["LTRIM", "LTRIM"]), rng.choice(["l1", "l2"]), "0", str(rng.randrange(30))]
        if roll < 0.40:
            return rng.choice([
                ["SET", "w_" + rng.choice(MEMBERS), rng.choice(NUMBERS)],
                ["SET", "w_" + rng.choice(MEMBERS), self.number()],
                ["HSET", "h_" + rng.choice(MEMBERS), "f", rng.choice(NUMBERS), "g->", "t" + rng.choice(MEMBERS)],
                ["DEL", "w_" + rng.choice(MEMBERS)], ["DEL", "h_" + rng.choice(MEMBERS)],
            ])
        source = rng.choice(["l1", "l2", "s1", "i1", "z1", "z2", "zbig", "big", "none", "str", "w_1"])
        command = [rng.choice(["SORT", "SORT", "sort_ro"]), source]
        alpha = rng.random() < 0.4
        by = rng.random() < 0.5
        options = []
        if by:
            pattern = rng.choice(["w_*", "h_*->f", "nosort", "w_*x", "h_*->", "h_*->nofield", "*"])
            # Texts that compare the same come in no certain order in Redis, and so does what has none.
            if alpha:
                pattern = "u_*" if source in ("l1", "s1", "i1", "z1", "big", "zbig") else "nosort"
            options.append(["BY", pattern])
            self.is_unordered = pattern == "nosort" and source in ("s1", "i1", "big")
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
        if self.is_unordered and limited and not any(o[0] == "STORE" for o in options):
            return ["PING"]
        return command + sum(options, [])
