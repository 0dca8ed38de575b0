"""Commands on streams and their groups.

What 7.2 added to XINFO is left out; times are compared to the nearest 100 seconds, since the two servers' clocks are
read at different moments.
"""
import time

from .family import Family

STEP = 100_000  # milliseconds; all idle times that commands set are multiples


def tree(connection, words):
    """A reply as nested lists."""
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    connection.file.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
    connection.file.flush()
    return parse(connection.file)


def parse(file):
    line = file.readline()[:-2]
    kind, rest = line[:1], line[1:]
    if kind == b"$":
        if rest == b"-1":
            return None
        return file.read(int(rest) + 2)[:-2]
    if kind in b"*~%":
        count = int(rest) * (2 if kind == b"%" else 1)
        return "no array" if count < 0 else [parse(file) for _ in range(count)]
    return int(rest) if kind == b":" else line


def since(reply):
    return round((time.time() * 1000 - reply) / STEP) if reply > 0 else reply


def normal(command, reply):
    """The reply without what differs between any two servers."""
    name, sub = command[0], command[1]
    if not isinstance(reply, list):
        return reply
    if name == b"XPENDING" and len(command) > 3:
        return [[id, who, round(idle / STEP), count] for id, who, idle, count in reply]
    if name == b"XINFO" and sub == b"CONSUMERS":
        return [row[:4] + [row[4], round(row[5] / STEP)] for row in reply]
    if name == b"XINFO" and len(command) > 3:
        for group in reply[17]:
            for row in group[11]:
                row[2] = since(row[2])
            for consumer in group[13]:
                if b"active-time" in consumer:
                    at = consumer.index(b"active-time")
                    del consumer[at:at + 2]
                consumer[3] = since(consumer[3])
                for row in consumer[7]:
                    row[1] = since(row[1])
    return reply


class Streams(Family):
    KEYS = [b"s1", b"s2", b"s3"]
    GROUPS = [b"g1", b"g2"]
    CONSUMERS = [b"Alice", b"Bob", b"Carol"]

    def __init__(self, rnd):
        super().__init__(rnd)
        self.top = 1

    def pick(self, *choices):
        return self.random.choice(choices)

    def id(self, new=False):
        r = self.random
        if new:
            self.top += r.choice([0, 1, 1, 2, 300])
            return r.choice([b"%d-*", b"%d", b"%d-1", b"%d-7"]) % self.top
        near = max(0, self.top - int(r.expovariate(1 / 30)) + r.choice([0, 0, 0, 3]))
        return r.choice([b"%d", b"%d-0", b"%d-1", b"%d-2", b"%d-7"]) % near

    def bound(self, plain):
        r = self.random.random()
        return plain if r < 0.3 else (b"(" if r < 0.5 else b"") + self.id()

    def ids(self):
        return [self.id() for _ in range(self.pick(1, 1, 2, 5))]

    def fields(self):
        r = self.random
        shape = r.choice([[b"a"], [b"a", b"b"], [b"a", b"b"], [b"1", b"temperature", b"x" * 70]])
        values = [b"", b"1", b"-5", b"text", b"12345678901", b"v" * r.choice([10, 70, 5000]), b"007"]
        return [part for field in shape for part in (field, r.choice(values))]

    def trim(self):
        mark = self.pick([], [b"="], [b"~"], [b"~"])
        rule = ([b"MAXLEN", *mark, self.pick(0, 3, 10, 40, 200)] if self.random.random() < 0.5
                else [b"MINID", *mark, self.id()])
        return rule + ([b"LIMIT", self.pick(0, 1, 10, 60)] if self.random.random() < 0.2 else [])

    def command(self):
        r, key = self.random, self.pick(*self.KEYS)
        group, consumer = self.pick(*self.GROUPS), self.pick(*self.CONSUMERS)
        count = self.pick([], [b"COUNT", self.pick(0, 1, 2, 7, -1)])
        idle = self.pick(0, 0, STEP // 2, STEP * 3 // 2)
        table = [
            (30, lambda: [b"XADD", key, *self.pick([], [], [b"NOMKSTREAM"]),
                          *(self.trim() if r.random() < 0.15 else []), self.id(True), *self.fields()]),
            (4, lambda: [b"XADD", key, self.id(), *self.fields()]),
            (1, lambda: [b"XADD", key, b"5", b"a"]),
            (2, lambda: [b"XLEN", key]),
            (6, lambda: [b"XRANGE", key, self.bound(b"-"), self.bound(b"+"), *count]),
            (6, lambda: [b"XREVRANGE", key, self.bound(b"+"), self.bound(b"-"), *count]),
            (8, lambda: [b"XDEL", key, *self.ids()]),
            (4, lambda: [b"XTRIM", key, *self.trim()]),
            (4, lambda: [b"XREAD", *count, b"STREAMS", key, b"s1", self.id(), self.pick(b"$", self.id())]),
            (1, lambda: [b"XSETID", key, self.id(), *self.pick([], [b"ENTRIESADDED", self.pick(0, 50, 1000)],
                                                               [b"MAXDELETEDID", self.id()])]),
            (4, lambda: [b"XGROUP", b"CREATE", key, group, self.pick(b"0", b"$", self.id()),
                         *self.pick([], [b"MKSTREAM"]), *self.pick([], [], [b"ENTRIESREAD", self.pick(-1, 3, -7)])]),
            (2, lambda: [b"XGROUP", b"SETID", key, group, self.pick(b"0", b"$", b"-", self.id()),
                         *self.pick([], [b"ENTRIESREAD", 2])]),
            (1, lambda: [b"XGROUP", b"DESTROY", key, group]),
            (1, lambda: [b"XGROUP", b"CREATECONSUMER", key, group, consumer]),
            (1, lambda: [b"XGROUP", b"DELCONSUMER", key, group, consumer]),
            (10, lambda: [b"XREADGROUP", b"GROUP", group, consumer, *count, *self.pick([], [], [b"NOACK"]),
                          b"STREAMS", key, self.pick(b">", b">", b"0", self.id())]),
            (2, lambda: [b"XREADGROUP", b"GROUP", group, consumer, *count, b"STREAMS", key, b"s2",
                         self.pick(b">", b"0", b"$"), b">"]),
            (5, lambda: [b"XACK", key, group, *self.ids()]),
            (2, lambda: [b"XPENDING", key, group]),
            (5, lambda: [b"XPENDING", key, group, *self.pick([], [b"IDLE", idle]), self.bound(b"-"), self.bound(b"+"),
                         self.pick(0, 2, 20, -1), *self.pick([], [consumer])]),
            (6, lambda: [b"XCLAIM", key, group, consumer, idle, *self.ids(),
                         *self.pick([], [b"IDLE", self.pick(0, STEP, 2 * STEP)]), *self.pick([], [b"FORCE"]),
                         *self.pick([], [b"JUSTID"]), *self.pick([], [], [b"RETRYCOUNT", self.pick(-1, 5)]),
                         *self.pick([], [], [], [b"LASTID", self.id()], [b"WHAT"])]),
            (4, lambda: [b"XAUTOCLAIM", key, group, consumer, idle, self.bound(b"-"),
                         *self.pick([], [b"COUNT", self.pick(0, 1, 3)]), *self.pick([], [b"JUSTID"])]),
            (2, lambda: [b"XINFO", b"STREAM", key]),
            (3, lambda: [b"XINFO", b"STREAM", key, b"FULL", *count]),
            (2, lambda: [b"XINFO", b"GROUPS", key]),
            (2, lambda: [b"XINFO", b"CONSUMERS", key, group]),
            (1, lambda: [b"DEBUG", b"DIGEST-VALUE", key]),
            (1, lambda: [b"DUMP", key]),
            (1, lambda: [b"COPY", key, self.pick(*self.KEYS), *self.pick([], [b"REPLACE"])]),
            (1, lambda: [b"CONFIG", b"SET", b"stream-node-max-entries", self.pick(0, 1, 5, 20, 100)]),
            (1, lambda: [b"CONFIG", b"SET", b"stream-node-max-bytes", self.pick(0, 150, 600, 4096)]),
            (0.4, lambda: [b"DEL", key]),
            (0.03, lambda: [b"SET", key, b"a string"]),
            (0.5, lambda: [b"TYPE", key]),
        ]
        return r.choices([row[1] for row in table], [row[0] for row in table])[0]()

    def prepare(self):
        return [["CONFIG", "SET", "stream-node-max-entries", "100", "stream-node-max-bytes", "4096"]]

    def ask(self, server, words):
        return tree(server, words)

    def comparable(self, words, reply):
        # Payloads are compared by what comes of them.
        return type(reply) if words[0] == b"DUMP" else normal(words, reply)

    def results(self, servers, words, replies):
        return self.crossed(servers, words[1], replies) if words[0] == b"DUMP" else None

    def crossed(self, servers, key, payloads):
        """Each takes the other's payload. One with groups says when they were used last, which differs."""
        if not all(isinstance(payload, bytes) for payload in payloads):
            return payloads
        restored = [tree(server, [b"RESTORE", b"restored", 0, payload, b"REPLACE"])
                    for server, payload in zip(servers, reversed(payloads))]
        full = [b"XINFO", b"STREAM", b"restored", b"FULL"]
        has_groups = tree(servers[1], [b"XINFO", b"GROUPS", key]) not in ([], b"")
        read = full if has_groups else [b"DUMP", b"restored"]
        return [(reply, self.comparable(read, tree(server, read))) for reply, server in zip(restored, servers)]
