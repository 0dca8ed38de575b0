#!/usr/bin/env python3
"""Sends the same random commands to our server and to a real Redis (7.0), and shows where they differ.

    compare_random.py OURS REDIS [FAMILY ...] [--seconds N] [--count N] [--seed S]

OURS and REDIS are ports; both servers' data is flushed before each family (of random_commands/__init__.py; default:
all). Each family gets its seconds, or its number of commands where --count says one. A seed replays a family with the
same count. Ends with 1 if anything differs.
"""
import argparse
import random
import sys
import time

from compare_with_redis import Connection
from random_commands import FAMILIES

MOST = 10  # differences after which a family is left: the servers' data differ from the first one on


def encode(word):
    return word if isinstance(word, bytes) else str(word).encode()


class Run:
    def __init__(self, name, servers, seed):
        self.name, self.servers, self.seed = name, servers, seed
        self.random = random.Random(f"{name} {seed}")
        self.family = FAMILIES[name](self.random)
        self.done = self.refused = self.rounds = self.differences = 0

    def differ(self, title, ours, theirs):
        self.differences += 1
        print(f"{self.name} {self.done}: {title[:400]}\n  ours  {str(ours)[:1000]}\n  redis {str(theirs)[:1000]}")

    def step(self):
        words = [encode(word) for word in self.family.command()]
        replies = [self.family.ask(server, words) for server in self.servers]
        first = replies[1][0] if replies[1] and isinstance(replies[1], list) else replies[1]
        self.refused += str(first).lstrip("b'")[:1] == "-"
        pair = [self.family.comparable(words, reply) for reply in replies]
        if pair[0] == pair[1]:
            pair = self.family.results(self.servers, words, replies) or pair
        if pair[0] != pair[1]:
            self.differ(b" ".join(words).decode("latin-1"), *pair)
        self.done += 1
        if self.done % 200 == 0:
            self.rounds += 1
            values = [self.family.values(server) for server in self.servers]
            if values[0] != values[1]:
                self.differ("the values", *values)
            self.family.exchange(self.servers)

    def whole(self, seconds, count):
        version = b"%d" % self.random.choice([2, 3])
        for server in self.servers:
            server.send([b"HELLO", version])
            server.send([b"FLUSHALL"])
            for words in self.family.prepare():
                server.send([encode(word) for word in words])
        end = time.monotonic() + seconds
        while self.differences < MOST and (self.done < count if count else time.monotonic() < end):
            self.step()
        print(f"{self.name}, seed {self.seed}, RESP{version.decode()}: {self.done} commands, {self.refused} refused, "
              f"{self.rounds} times all values, {self.differences} differences", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours", type=int)
    parser.add_argument("redis", type=int)
    parser.add_argument("family", nargs="*", metavar="FAMILY", help=", ".join(FAMILIES))
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--count", type=int)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    for name in set(options.family) - set(FAMILIES):
        parser.error(f"no family {name}; there are {', '.join(FAMILIES)}")
    servers = [Connection(options.ours), Connection(options.redis)]
    runs = [Run(name, servers, options.seed) for name in options.family or FAMILIES]
    for run in runs:
        run.whole(options.seconds, options.count)
    sys.exit(1 if any(run.differences for run in runs) else 0)


if __name__ == "__main__":
    main()
