"""RAM for each cold key: how resident memory grows with keys of 100 bytes that are nearly all on flash.

What is bounded by configuration is taken off: block cache, memtables, and records in RAM, which are at their limit at
every size. Pages that the allocator holds and nobody uses make some MiB more or less, so that the slope is taken over
as many keys as time allows.
"""
from . import load, memory
from .server import Server
from .table import show
from .wanted import Verdicts
from .writes import drain

VALUE_BYTES = 100


class Shape:
    def __init__(self, quick):
        first, last, steps = (500_000, 1_500_000, 2) if quick else (10_000_000, 30_000_000, 4)
        self.sizes = [first + (last - first) * step // steps for step in range(steps + 1)]
        self.maxmemory_mib = 32 if quick else 128


def sample(server, client, keys):
    drain(client)
    resident, info = memory.settle(server.pid), client.info()
    parts = {name: int(info[f"flash_memory_{name}"]) for name in ("records", "memtables", "block_cache",
                                                                  "table_readers")}
    return {"keys": keys, "cold": int(info["flash_cold_keys"]), "rss": resident, **parts,
            "rest": resident - parts["records"] - parts["memtables"] - parts["block_cache"]}


def slope(rows, field):
    """Bytes a cold key, by least squares."""
    xs, ys = [row["cold"] for row in rows], [row[field] for row in rows]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys)) / sum((a - x) ** 2 for a in xs)


def run(options):
    shape, rows, done = Shape(options.quick), [], 0
    with Server("ours", options.binary, threads=2, flash=True, maxmemory=f"{shape.maxmemory_mib}mb",
                arguments=options.server_arguments.split()) as server:
        client = server.client()
        for size in shape.sizes:
            load.loadgen(server, "load", first=done, keys=size, size=VALUE_BYTES, connections=32, pipeline=32)
            done = size
            rows.append(sample(server, client, size))
            print(f"{size:,} keys: {rows[-1]['rss'] / (1 << 20):,.0f} MiB resident", flush=True)
        count = client.call("DBSIZE")
    fields = ("rss", "records", "memtables", "block_cache", "table_readers", "rest")
    show(f"Cold keys: values of {VALUE_BYTES} bytes, maxmemory {shape.maxmemory_mib}mb; MiB (rest: RSS without "
         "records, memtables and block cache)", ["keys", "cold", *(field.replace("_", " ") for field in fields)],
         [[f"{row['keys']:,}", f"{row['cold']:,}", *(row[field] / (1 << 20) for field in fields)] for row in rows])
    verdicts = Verdicts()
    verdicts.note("bytes of RAM a cold key", slope(rows, "rest"))
    verdicts.note("bytes of RSS a cold key, with everything in it", slope(rows, "rss"))
    verdicts.note("bytes of table readers a cold key (INFO)", slope(rows, "table_readers"))
    verdicts.note("bytes of block cache a cold key (INFO)", slope(rows, "block_cache"))
    verdicts.note("keys missing", done - count)
    verdicts.show()
    return {"sizes": rows, "verdicts": verdicts.rows, "passed": verdicts.passed}
