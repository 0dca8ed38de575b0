"""Collections: CPU time per request beside the peer's, interleaved; memory of small and of large collections."""
import shutil
import socket
import statistics
import subprocess

from . import load, machine
from .memory import settle
from .server import Meter, Running, Server, turned
from .table import show

R = "__rand_int__"
KEYS = 100_000
CONNECTIONS = 50
# Name, command, what is filled before: (commands to fill with, how many). Members are drawn from KEYS.
ROWS = [
    ("lpush", ["LPUSH", "list:" + R, "value:" + R], None),
    ("lpop", ["LPOP", "list"], "list"),
    ("sadd", ["SADD", "set", "member:" + R], None),
    ("hset", ["HSET", "hash", "field:" + R, "value"], None),
    ("hget", ["HGET", "hash", "field:" + R], "hash"),
    ("zadd", ["ZADD", "zset", R, "member:" + R], None),
    ("zrange 100", ["ZRANGE", "zset", "500", "599"], "zset"),
    ("zrangebyscore 100", ["ZRANGEBYSCORE", "zset", "500", "599"], "zset"),
    ("xadd", ["XADD", "stream", "*", "field", "value:" + R], None),
    ("multi of 10", None, None),
]


def encode(words):
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


class Feeder:
    """One connection that sends requests and skips the replies, which all are one line."""

    def __init__(self, server):
        self.socket = socket.create_connection((getattr(server, "host", "127.0.0.1"), server.port))

    def send(self, requests, lines):
        self.socket.sendall(requests)
        self.skip(lines)

    def skip(self, lines):
        while lines > 0:
            data = self.socket.recv(1 << 20)
            if not data:
                raise load.LoadFailed("the server has closed the connection")
            lines -= data.count(b"\n")

    def feed(self, commands, batch=500):
        pending, count = [], 0
        for words in commands:
            pending.append(encode(words))
            count += 1
            if count == batch:
                self.send(b"".join(pending), count)
                pending, count = [], 0
        if count:
            self.send(b"".join(pending), count)

    def close(self):
        self.socket.close()


def fill(server, what, requests):
    client = server.client()
    client.call("FLUSHALL")
    client.close()
    feeder = Feeder(server)
    if what == "list":
        feeder.feed((["RPUSH", "list"] + [f"value:{n}" for n in range(100)] for _ in range(requests // 100 + 1)))
    elif what == "hash":
        feeder.feed(["HSET", "hash", f"field:{n:012d}", "value"] for n in range(KEYS))
    elif what == "zset":
        feeder.feed(["ZADD", "zset", n, f"member:{n}"] for n in range(1000))
    feeder.close()


def transactions(server, requests, pipeline):
    """MULTI, 10 SETs, EXEC count as one request."""
    one = encode(["MULTI"]) + b"".join(encode(["SET", f"key:{n}", "value"]) for n in range(10)) + encode(["EXEC"])
    feeders = [Feeder(server) for _ in range(CONNECTIONS)]
    meter = Meter(server)
    rounds = requests // pipeline // CONNECTIONS
    for _ in range(rounds):
        for feeder in feeders:
            feeder.socket.sendall(one * pipeline)
        for feeder in feeders:
            # OK, ten times QUEUED, and EXEC's array of ten.
            feeder.skip(22 * pipeline)
    result = meter.per_request(rounds * pipeline * CONNECTIONS)
    for feeder in feeders:
        feeder.close()
    return result


def measure(server, row, pipeline, seconds):
    name, command, filled = row
    requests = int(seconds * {1: 60_000, 16: 200_000}[pipeline] / (4 if "100" in name or "multi" in name else 1))
    fill(server, filled, requests)
    if command is None:
        return transactions(server, requests, pipeline)
    meter = Meter(server)
    done = subprocess.run(
        [shutil.which("redis-benchmark"), "-p", str(server.port), "-c", str(CONNECTIONS), "-n", str(requests),
         "-P", str(pipeline), "-r", str(KEYS), "-q"] + command, capture_output=True, text=True)
    if done.returncode != 0 or "rror" in done.stderr + done.stdout:
        raise load.LoadFailed(f"{name}: {done.stdout[-200:]}{done.stderr[-200:]}")
    return meter.per_request(requests)


def speed(options, servers):
    samples = {}
    client = servers[0].client()
    known = {row[0]: row[1] is None or client.call("COMMAND", "INFO", row[1][0])[0] is not None for row in ROWS}
    client.close()
    for number in range(options.rounds):
        for server in servers:
            server.renew()
        for row in ROWS:
            for pipeline in (1, 16) if known[row[0]] else ():
                for server in turned(servers, number):
                    sample = measure(server, row, pipeline, options.seconds or (1.0 if options.quick else 3.0))
                    samples.setdefault((row[0], pipeline, server.name), []).append(sample["cpu_us"])
        print("a round is over", flush=True)
    rows = []
    for name, pipeline in dict.fromkeys(key[:2] for key in samples):
        own, peer = (statistics.median(samples[name, pipeline, server.name]) for server in servers)
        limit = 1.0 if pipeline == 1 else 0.6
        rows.append([name, pipeline, own, peer, own / peer, limit, "" if own / peer <= limit else "above"])
    show("Collections: CPU microseconds per request, medians; 50 connections",
         ["row", "pipeline", "ours", "peer", "ratio", "limit", ""], rows)
    return rows


# Memory: type, the words that make a collection of `count` elements from number `first` on.
TYPES = {
    "hash": lambda key, first, count: ["HSET", key] + sum(
        ([f"field:{n}", f"value:{n}"] for n in range(first, first + count)), []),
    "set": lambda key, first, count: ["SADD", key] + [f"member:{n}" for n in range(first, first + count)],
    "zset": lambda key, first, count: ["ZADD", key] + sum(
        ([str(n * 7919 % 1_000_003), f"member:{n}"] for n in range(first, first + count)), []),
    "list": lambda key, first, count: ["RPUSH", key] + [f"element:{n}" for n in range(first, first + count)],
}


def growth(binary, options, kind, size):
    words = TYPES[kind]
    with Server(f"{kind}-{size}", binary) as server:
        before = settle(server.pid)
        feeder = Feeder(server)
        if size == 1_000_000:
            keys = 1
            feeder.feed((words("key", first, 100) for first in range(0, size, 100)), batch=20)
        else:
            keys = (50_000 if options.quick else 300_000) // (5 if size == 100 else 1)
            feeder.feed((words(f"key:{number:012d}", 0, size) for number in range(keys)), batch=100)
        feeder.close()
        return (settle(server.pid) - before) / keys


def memory(options):
    rows = []
    for kind in TYPES:
        for size in (10, 100, 1_000_000):
            own, peer = (growth(binary, options, kind, size) for binary in (options.binary, options.peer))
            limit = 0.6 if size == 1_000_000 else 1.0
            rows.append([kind, f"{size:,}", own, peer, own / peer, limit, "" if own / peer <= limit else "above"])
            print(f"{kind} of {size:,}: {own:,.0f} against {peer:,.0f} bytes", flush=True)
    show("Collections: growth of resident memory per key, bytes",
         ["type", "elements", "ours", "peer", "ratio", "limit", ""], rows)
    return rows


def run(options):
    servers = [Server("ours", options.binary),
               Running("peer", options.peer) if ":" in options.peer else Server("peer", options.peer)]
    with servers[0], servers[1]:
        results = {"speed": speed(options, servers)}
    if ":" not in options.peer:
        results["memory"] = memory(options)
    results["passed"] = not any(row[-1] for rows in results.values() for row in rows)
    print(f"{'passed' if results['passed'] else 'FAILED'}: ratios within their limits")
    return results
