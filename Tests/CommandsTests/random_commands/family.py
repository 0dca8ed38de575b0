"""What the families of random commands have in common."""


class Family:
    """Commands of a kind. The two servers are told the same, and asked for what their keys hold now and then."""

    KEYS = ["a", "b", "c", "d"]

    def __init__(self, rnd):
        self.random = rnd

    def key(self):
        return self.random.choice(self.KEYS)

    def prepare(self):
        """Commands that both get first."""
        return []

    def command(self):
        """The next command's words."""
        raise NotImplementedError

    def ask(self, server, words):
        """A server's reply."""
        return server.send(words)

    def comparable(self, words, reply):
        """The reply without what may differ."""
        return reply

    def results(self, servers, words, replies):
        """After equal replies: what else must be equal, as a pair."""
        return None

    def values(self, server):
        """What the keys hold: compared every 200 commands."""
        return None

    def exchange(self, servers):
        """Values change servers: every 200 commands."""


def dump(server, name):
    server.file.write(b"*2\r\n$4\r\nDUMP\r\n$%d\r\n%s\r\n" % (len(name), name.encode()))
    server.file.flush()
    head = server.file.readline()
    return None if head in (b"$-1\r\n", b"_\r\n") else server.file.read(int(head[1:]) + 2)[:-2]


def exchange_payloads(servers, names):
    """DUMP and RESTORE, both ways. Redis refuses newer versions of RDB than its own: Firn writes version 10."""
    for name in names:
        payloads = [dump(server, name) for server in servers]
        for server, payload in zip(servers, reversed(payloads)):
            if payload is not None:
                reply = server.send([b"RESTORE", name.encode(), b"0", payload, b"REPLACE"])
                assert reply == ["+OK"], reply
