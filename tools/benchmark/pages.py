"""Collections that go to flash page by page: a cold field of one of a million; a hash, a list, a sorted set larger than
RAM."""
import random
import statistics
import time

from . import machine
from .checks import pipeline
from .server import Server
from .table import show

COUNTERS = ("flash_faults_requested", "flash_block_cache_misses", "flash_reads")


def fill(client, fields, text):
    for at in range(0, fields, 500):
        client.call("HSET", "big", *(part for number in range(at, min(at + 500, fields))
                                     for part in (b"field:%08d" % number, text(number))))


def info(client):
    return {key: float(value) for key, value in
            (line.split(":", 1) for line in client.call("INFO", "flash").decode().splitlines() if ":" in line)
            if key in COUNTERS}


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def cold(options):
    """HGET with the root and the page on flash, and with the page alone there."""
    fields, looks = (100_000, 200) if options.quick else (1_000_000, 1_000)
    draw = random.Random(1)
    with Server("ours", options.binary, threads=2, flash=True, maxmemory="256mb") as server:
        client = server.client(timeout=60)
        fill(client, fields, lambda number: b"value-%d" % number)
        whole = client.call("MEMORY", "USAGE", "big")
        # What is in a memtable would be read without the device.
        server.stop()
        server.start()
        client = server.client(timeout=60)
        both, page, reads = [], [], []
        for _ in range(looks):
            client.call("FLUSHALL", "CACHE")
            before = info(client)
            for latencies in (both, page):
                number = draw.randrange(fields)
                begun = time.perf_counter()
                got = client.call("HGET", "big", b"field:%08d" % number)
                latencies.append((time.perf_counter() - begun) * 1e3)
                if got != b"value-%d" % number:
                    raise RuntimeError(f"field {number} is {got}")
                if latencies is both:
                    after = info(client)
                    reads.append({key: after[key] - before[key] for key in COUNTERS})
        resident = client.call("MEMORY", "USAGE", "big")
    figures = {"fields": fields, "whole_bytes": whole, "resident_bytes": resident}
    for name, latencies in (("root_and_page", both), ("page", page)):
        figures[name] = {"p50_ms": statistics.median(latencies), "p99_ms": quantile(latencies, 0.99)}
    for key in COUNTERS:
        # Not the most: the server's counters, in which a compaction that runs just now counts along.
        figures[key] = quantile([read[key] for read in reads], 0.99)
    show(f"HGET on a cold hash of {fields:,} fields ({whole >> 20} MiB in RAM), one client",
         ["cold", "p50 ms", "p99 ms"],
         [[name, figures[name]["p50_ms"], figures[name]["p99_ms"]] for name in ("root_and_page", "page")])
    print(f"of a look-up, p99: {figures['flash_faults_requested']:.0f} faults, "
          f"{figures['flash_block_cache_misses']:.0f} blocks, and the root's blob; {resident >> 10} KiB stay in RAM")
    return figures


def larger(options):
    """HSET and HGET of uniform fields in a hash of five times maxmemory, several requests at a time."""
    fields, size, maxmemory = (100_000, 400, "16mb") if options.quick else (800_000, 400, "64mb")
    seconds = 3 if options.quick else 10
    draw = random.Random(2)
    text = {number: bytes(draw.getrandbits(8) for _ in range(size)) for number in range(64)}
    rows = []
    with Server("ours", options.binary, threads=2, flash=True, maxmemory=maxmemory) as server:
        client = server.client(timeout=60)
        begun = time.monotonic()
        fill(client, fields, lambda number: text[number % 64])
        rows.append(["load", fields / (time.monotonic() - begun), machine.resident_bytes(server.pid) >> 20])
        for name, command in (("HGET", lambda number: ("HGET", "big", b"field:%08d" % number)),
                              ("HSET", lambda number: ("HSET", "big", b"field:%08d" % number, text[number % 64]))):
            done, begun = 0, time.monotonic()
            while time.monotonic() - begun < seconds:
                numbers = [draw.randrange(fields) for _ in range(64)]
                replies = pipeline(client, [command(number) for number in numbers])
                wrong = [n for n, reply in zip(numbers, replies)
                         if reply != (text[n % 64] if name == "HGET" else 0)]
                if wrong:
                    raise RuntimeError(f"{name}: field {wrong[0]} has another value")
                done += len(numbers)
            rows.append([name, done / (time.monotonic() - begun), machine.resident_bytes(server.pid) >> 20])
    show(f"A hash of {fields * size >> 20} MiB with maxmemory {maxmemory}, one client, 64 requests at a time",
         ["", "fields/s", "resident MiB"], rows)
    return [{"name": row[0], "fields_per_second": row[1], "resident_mib": row[2]} for row in rows]


def queue(options):
    """A list of several times maxmemory: filled, used as a queue, read by place, several requests at a time."""
    count, size, maxmemory = (100_000, 400, "16mb") if options.quick else (800_000, 400, "64mb")
    seconds = 3 if options.quick else 10
    draw = random.Random(3)
    text = {number: bytes(draw.getrandbits(8) for _ in range(size)) for number in range(64)}
    rows, first, last = [], 0, count
    with Server("ours", options.binary, threads=2, flash=True, maxmemory=maxmemory) as server:
        client = server.client(timeout=60)

        def timed(name, step):
            done, begun = 0, time.monotonic()
            while time.monotonic() - begun < seconds:
                done += step()
            rows.append([name, done / (time.monotonic() - begun), machine.resident_bytes(server.pid) >> 20])

        def look():
            numbers = [draw.randrange(last - first) for _ in range(64)]
            replies = pipeline(client, [("LINDEX", "big", number) for number in numbers])
            if replies != [text[(first + number) % 64] for number in numbers]:
                raise RuntimeError("LINDEX: an element has another value")
            return 64

        def pass_through():
            nonlocal first, last
            calls = [call for number in range(32)
                     for call in (("RPUSH", "big", text[(last + number) % 64]), ("LPOP", "big"))]
            if pipeline(client, calls)[1::2] != [text[(first + number) % 64] for number in range(32)]:
                raise RuntimeError("LPOP: an element has another value")
            first, last = first + 32, last + 32
            return 64

        begun = time.monotonic()
        for at in range(0, count, 500):
            client.call("RPUSH", "big", *(text[number % 64] for number in range(at, at + 500)))
        rows.append(["load", count / (time.monotonic() - begun), machine.resident_bytes(server.pid) >> 20])
        timed("LINDEX", look)
        timed("RPUSH, LPOP", pass_through)
        if client.call("LLEN", "big") != last - first:
            raise RuntimeError("LLEN: another length")
    show(f"A list of {count * size >> 20} MiB with maxmemory {maxmemory}, one client, 64 requests at a time",
         ["", "elements/s", "resident MiB"], rows)
    return [{"name": row[0], "elements_per_second": row[1], "resident_mib": row[2]} for row in rows]


def ranking(options):
    """A sorted set of several times maxmemory, its members at random places: cold looks, then changes and slices."""
    count, size, maxmemory = (100_000, 120, "16mb") if options.quick else (1_000_000, 120, "64mb")
    seconds = 3 if options.quick else 10
    draw = random.Random(4)
    # A score is the number that follows the member's, turned about.
    turn = 7_919
    rows, looks = [], []
    with Server("ours", options.binary, threads=2, flash=True, maxmemory=maxmemory) as server:
        client = server.client(timeout=60)

        def member(number):
            return b"member:%08d:" % number + b"x" * (size - 16)

        def timed(name, step):
            done, begun = 0, time.monotonic()
            while time.monotonic() - begun < seconds:
                done += step()
            rows.append([name, done / (time.monotonic() - begun), machine.resident_bytes(server.pid) >> 20])

        def rank():
            numbers = [draw.randrange(count) for _ in range(64)]
            if pipeline(client, [("ZRANK", "big", member(n)) for n in numbers]) != [n * turn % count for n in numbers]:
                raise RuntimeError("ZRANK: a member has another place")
            return 64

        def slices():
            places = [draw.randrange(count - 10) for _ in range(64)]
            replies = pipeline(client, [("ZRANGE", "big", place, place + 9) for place in places])
            if any(int(names[0][7:15]) * turn % count != place for names, place in zip(replies, places)):
                raise RuntimeError("ZRANGE: another member")
            return 640

        def change():
            numbers = [draw.randrange(count) for _ in range(64)]
            pipeline(client, [("ZINCRBY", "big", draw.choice((-0.25, 0.25, count)), member(n)) for n in numbers])
            return 64

        begun = time.monotonic()
        for at in range(0, count, 500):
            client.call("ZADD", "big", *(part for n in range(at, at + 500) for part in (n * turn % count, member(n))))
        rows.append(["load", count / (time.monotonic() - begun), machine.resident_bytes(server.pid) >> 20])
        for _ in range(200):
            client.call("FLUSHALL", "CACHE")
            number = draw.randrange(count)
            begun = time.perf_counter()
            if client.call("ZRANK", "big", member(number)) != number * turn % count:
                raise RuntimeError("ZRANK: a member has another place")
            looks.append((time.perf_counter() - begun) * 1e3)
        timed("ZRANK", rank)
        timed("ZRANGE of 10", slices)
        timed("ZINCRBY", change)
        if client.call("ZCARD", "big") != count:
            raise RuntimeError("ZCARD: another number")
    show(f"A sorted set of {count * 2 * size >> 20} MiB with maxmemory {maxmemory}, one client, 64 requests at a time",
         ["", "elements/s", "resident MiB"], rows)
    cold_look = {"p50_ms": statistics.median(looks), "p99_ms": quantile(looks, 0.99)}
    print(f"ZRANK with everything cold: p50 {cold_look['p50_ms']:.2f} ms, p99 {cold_look['p99_ms']:.2f} ms")
    return {"cold": cold_look,
            "rows": [{"name": row[0], "elements_per_second": row[1], "resident_mib": row[2]} for row in rows]}


def run(options):
    look = cold(options)
    return {"cold": look, "larger": larger(options), "queue": queue(options), "ranking": ranking(options),
            "passed": look["root_and_page"]["p99_ms"] < 5 and look["flash_block_cache_misses"] <= 3}
