"""Commands that change strings bit by bit, and HyperLogLogs."""
from .family import Family, exchange_payloads


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


class Strings(Family):
    def values(self, server):
        return [server.send([b"GETRANGE", name.encode(), b"0", b"-1"]) for name in self.KEYS]


class Bits(Strings):
    def command(self):
        rnd, key = self.random, self.key
        kind = rnd.randrange(12)
        if kind == 0:
            return ["SET", key(), blob(rnd)]
        if kind == 1:
            return ["DEL", key()]
        if kind < 5:
            offset = rnd.choice([rnd.randrange(400), rnd.randrange(200000), integer(rnd, 100), "x", 2**33])
            return ["SETBIT", key(), offset, rnd.choice([0, 1, 0, 1, 2, "y"])]
        if kind == 5:
            return ["GETBIT", key(), rnd.choice([rnd.randrange(400), rnd.randrange(200000), -1])]
        if kind < 8:
            limit = rnd.choice([5, 50, 400, 200000])
            return ["BITCOUNT", key()] + rnd.choice([[], [1], ranged(rnd, limit), ranged(rnd, limit)])
        if kind < 10:
            limit = rnd.choice([5, 50, 400, 200000])
            end = ranged(rnd, limit)
            return ["BITPOS", key(), rnd.choice([0, 1, 0, 1, 2])] + rnd.choice([[], end[:1], end, end])
        if kind == 10:
            return ["BITOP", rnd.choice(["NOT", "AND"]), key(), key()]
        sources = [key() for _ in range(rnd.randrange(1, 5))]
        return ["BITOP", rnd.choice(["AND", "OR", "XOR", "xor", "not", "nor"]), key()] + sources


class BitFields(Strings):
    def command(self):
        rnd, key = self.random, self.key
        if rnd.randrange(12) == 0:
            return ["SET", key(), blob(rnd)]
        if rnd.randrange(40) == 0:
            return ["DEL", key()]
        words = [rnd.choice(["BITFIELD"] * 5 + ["BITFIELD_RO"]), key()]
        for _ in range(rnd.randrange(0, 6)):
            width = rnd.choice([rnd.randrange(1, 66), 8, 16, 64, 63])
            kind = rnd.choice("iu") + str(width)
            offset = rnd.choice([rnd.randrange(300), "#%d" % rnd.randrange(40), rnd.randrange(3000)])
            if rnd.randrange(60) == 0:
                offset, kind = rnd.choice([(-1, kind), ("#x", kind), (0, "x8"), (0, "i"), ("#-1", kind)])
            value = rnd.choice(
                [integer(rnd, 300), integer(rnd, 2**62), 2**63 - 1, -2**63, rnd.randrange(-2**63, 2**63)])
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


class HyperLogLogs(Strings):
    def command(self):
        rnd, key = self.random, self.key
        kind = rnd.randrange(40)
        if kind == 0:
            return ["DEL", key()]
        if kind == 1:
            return ["PFCOUNT"] + [key() for _ in range(rnd.randrange(1, 5))]
        if kind == 2:
            return ["PFMERGE", key()] + [key() for _ in range(rnd.randrange(0, 3))]
        if kind == 3:
            return ["PFDEBUG", rnd.choice(["DECODE", "ENCODING", "encoding", "TODENSE", "GETREG", "nothing"]), key()]
        if kind == 4:
            return rnd.choice([["SET", key(), "12"], ["PFCOUNT", "nothing"], ["STRLEN", key()], ["PFADD", key()]])
        if kind == 5:
            return ["SETRANGE", key(), rnd.randrange(0, 400), rnd.randbytes(1)]
        if kind < 8:
            return ["PFCOUNT", key()]
        spread = rnd.choice([20, 300, 5000, 10**9])
        elements = [str(rnd.randrange(spread)) * rnd.randrange(1, 4) for _ in range(rnd.randrange(0, 60))]
        return ["PFADD", key()] + elements

    def exchange(self, servers):
        exchange_payloads(servers, self.KEYS)
