"""Small requests in memory: throughput, latency and the server's CPU time per request, interleaved with a peer."""
import statistics

from . import load
from .server import Running, Server, turned
from .table import show

KEYS = 100_000
FIELDS = ("throughput", "p50_us", "p99_us", "p999_us", "user_us", "system_us", "cpu_us", "rss")


def rows(options):
    operations = ("get", "set") if options.quick else ("get", "set", "mget", "incr")
    for size in (32,) if options.quick else (32, 1024):
        for operation in operations:
            if operation == "incr" and size != 32:
                continue  # a counter has no value size
            for pipeline in (1, 16) if options.quick else (1, 16, 64):
                for tool in ("loadgen", "redis-benchmark"):
                    yield operation, pipeline, size, tool


def measure(server, operation, pipeline, size, tool, options, seed):
    seconds = options.seconds or (1.0 if options.quick else 4.0)
    if tool == "loadgen":
        result = load.loadgen(server, "run", connections=50, keys=KEYS, size=size, pipeline=pipeline, seconds=seconds,
                              mix=f"{operation}:1", seed=seed, misses_are_errors=operation in ("get", "mget"))
        latency = load.whole(result)
        result.update({name: latency[name] for name in ("p50_us", "p99_us", "p999_us")})
    else:
        # About as long as the time that loadgen gets, by what a server of this kind answers in a second.
        requests = int(seconds * {1: 80_000, 16: 500_000, 64: 800_000}[pipeline] / (4 if operation == "mget" else 1))
        result = load.redis_benchmark(server, operation, requests=requests, pipeline=pipeline, size=size, keys=KEYS)
    return {name: result.get(name) for name in FIELDS}


def fill(server, size):
    client = server.client()
    client.call("FLUSHALL")
    client.close()
    load.loadgen(server, "load", keys=KEYS, size=size, pipeline=16)


def median(samples):
    merged = {}
    for name in FIELDS:
        values = [sample[name] for sample in samples if sample[name] is not None]
        merged[name] = statistics.median(values) if values else None
    return merged


def run(options):
    servers = [Server(f"ours-{n}", options.binary, threads=n) for n in options.threads]
    peer = (Running("peer", options.peer) if ":" in options.peer
            else Server("peer", options.peer, arguments=options.peer_arguments.split()))
    results, samples = [], {}
    started = []
    try:
        for server in servers + [peer]:
            server.__enter__()
            started.append(server)
        plan = list(rows(options))
        for number in range(options.rounds):
            size_filled = None
            for operation, pipeline, size, tool in plan:
                for server in turned(started, number):
                    # redis-benchmark's SET writes other values than loadgen's GET expects, so each SET row is
                    # followed by a fill.
                    if size_filled != size:
                        fill(server, size)
                    sample = measure(server, operation, pipeline, size, tool, options, seed=number + 1)
                    samples.setdefault((operation, pipeline, size, tool, server.name), []).append(sample)
                size_filled = None if operation == "set" and tool == "redis-benchmark" else size
                print(f"round {number + 1}: {operation} pipeline {pipeline} {size} bytes {tool}", flush=True)
    finally:
        for server in started:
            server.__exit__()
    for key in dict.fromkeys(key[:4] for key in samples):
        results.append(result_row(key, samples, [server.name for server in started]))
    print_table(results, [server.name for server in started])
    return results


def result_row(key, samples, names):
    row = dict(zip(("operation", "pipeline", "size", "tool"), key))
    row["servers"] = {name: median(samples[key + (name,)]) for name in names}
    peer = row["servers"]["peer"]
    for name in names:
        own = row["servers"][name]
        own["ratio"] = {field: own[field] / peer[field] if own[field] is not None and peer[field] else None
                        for field in ("throughput", "user_us", "cpu_us", "p99_us")}
    return row


def print_table(results, names):
    lines = []
    for row in results:
        for name in names:
            own = row["servers"][name]
            lines.append([f"{row['operation']} P{row['pipeline']} {row['size']}B {row['tool']}", name]
                         + [own[field] for field in FIELDS[:-1]] + [(own["rss"] or 0) / (1 << 20)]
                         + [own["ratio"][field] for field in ("throughput", "user_us", "cpu_us")])
    show("In memory: 50 connections, random keys of 100,000; medians over the rounds; times in microseconds",
         ["row", "server", "req/s", "p50", "p99", "p99.9", "user", "system", "u+s", "RSS MiB", "x req/s", "x user",
          "x u+s"], lines)
