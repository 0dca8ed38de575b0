"""More writes than the device takes: a load at full speed, then overwrites at random. Nobody is refused, all is slower.
"""
from . import load
from .restart import Sampler
from .server import limited
from .table import show
from .wanted import Verdicts


class Shape:
    def __init__(self, quick, group_mib=None):
        self.keys, self.maxmemory_mib, self.seconds = (200_000, 32, 10) if quick else (8_000_000, 256, 300)
        self.group_mib = group_mib or (128 if quick else 512)


def measured(server, name, phase, shape, **options):
    with Sampler(server.pid) as sampler:
        # Errors are what is looked for: they don't end the part.
        result = load.loadgen(server, phase, tolerate=True, keys=shape.keys, size=1024, connections=64, pipeline=4,
                              **options)
    latency = load.whole(result)
    # The last second is a part of one.
    seconds = [second["requests"] for second in result["timeline"][:-1]]
    return {"phase": name, "throughput": result["throughput"], "slowest_second": min(seconds, default=0),
            "silent_seconds": result["silent_seconds"], "p99_us": latency["p99_us"], "p999_us": latency["p999_us"],
            "max_us": latency["max_us"], "errors": result["errors"] + result["unanswered"] + result["mismatches"],
            "samples": result["samples"], "peak_rss": sampler.peak, "written": result.get("disk_written")}


def run(options):
    shape = Shape(options.quick, options.group_mib)
    with limited(options, shape) as server:
        limits = server.group.describe()
        rows = [measured(server, "load", "load", shape),
                measured(server, f"overwrites for {shape.seconds} s", "run", shape, mix="set:1",
                         distribution="uniform", seconds=shape.seconds)]
        client = server.client()
        keys, info = client.call("DBSIZE"), client.info()
    show(f"Overload: {shape.keys:,} values of 1 KiB, maxmemory {shape.maxmemory_mib}mb, {limits}; 64 connections with "
         "4 requests at a time; times in milliseconds",
         ["phase", "req/s", "slowest s", "silent s", "p99", "p99.9", "longest", "errors", "peak RSS MiB",
          "written MiB"],
         [[r["phase"], r["throughput"], r["slowest_second"], r["silent_seconds"], r["p99_us"] / 1000,
           r["p999_us"] / 1000, r["max_us"] / 1000, r["errors"], r["peak_rss"] / (1 << 20),
           (r["written"] or 0) / (1 << 20)] for r in rows])
    verdicts = Verdicts()
    for row in rows:
        verdicts.note("seconds without a reply", row["silent_seconds"], row["phase"])
        verdicts.note("longest request, ms", row["max_us"] / 1000, row["phase"])
        verdicts.note("errors", row["errors"], row["phase"])
        verdicts.note("peak RSS above maxmemory, MiB", row["peak_rss"] / (1 << 20) - shape.maxmemory_mib, row["phase"])
        for text in row["samples"]:
            print(f"{row['phase']}: {text}")
    verdicts.note("keys missing", shape.keys - keys)
    verdicts.show()
    return {"limits": limits, "phases": rows, "keys": keys, "verdicts": verdicts.rows,
            "memory_waits": int(info["flash_memory_waits"]), "passed": verdicts.passed}
