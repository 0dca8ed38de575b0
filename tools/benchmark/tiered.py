"""Ten times more data than memory: load, zipf mixes and uniform reads in a memory control group, beside db_bench."""
import os
import re
import resource
import shutil
import subprocess
import tempfile

from . import load, machine
from .cgroup import MemoryGroup
from .server import limited
from .table import show


class Shape:
    """The sizes of the workload."""

    def __init__(self, quick, group_mib=None):
        self.keys = 200_000 if quick else 2_000_000
        self.maxmemory_mib = 32 if quick else 256
        self.group_mib = group_mib or (128 if quick else 512)
        self.seconds = 5 if quick else 60
        self.warm_seconds = 3 if quick else 30


def phases(shape):
    return [("zipf 0.99, 95/5", dict(mix="get:95,set:5", distribution="zipf:0.99")),
            ("zipf 0.99, 50/50", dict(mix="get:50,set:50", distribution="zipf:0.99")),
            ("uniform GET", dict(mix="get:1", distribution="uniform"))]


def row(name, result):
    latency = load.whole(result)
    fields = ("user_us", "system_us", "cpu_us", "rss", "disk_read", "disk_written")
    slowest = min((second["requests"] for second in result["timeline"][:-1]), default=0)
    return {"phase": name, "throughput": result["throughput"], "p50_us": latency["p50_us"],
            "p99_us": latency["p99_us"], "p999_us": latency["p999_us"], "max_us": latency["max_us"],
            "silent_seconds": result["silent_seconds"], "slowest_second": slowest,
            "loadgen_us": result["loadgen_user_us"] + result["loadgen_system_us"],
            **{field: result.get(field) for field in fields}}


def run_server(options, shape):
    common = dict(keys=shape.keys, size=1024, connections=64, threads=1)
    rows = []
    with limited(options, shape) as server:
        limits = server.group.describe()
        print(f"server: {limits}; page cache dropped by {machine.drop_page_cache(server.folder)}", flush=True)
        rows.append(row("load", load.loadgen(server, "load", **common)))
        for name, choice in phases(shape):
            machine.drop_page_cache(server.folder)
            load.loadgen(server, "run", seconds=shape.warm_seconds, misses_are_errors=True, **common, **choice)
            result = load.loadgen(server, "run", seconds=shape.seconds, misses_are_errors=True, **common, **choice)
            rows.append(row(name, result))
            print(f"{name}: {result['throughput']:,.0f} a second", flush=True)
        group = server.group
        peak = group.peak_bytes() if group.path else machine.peak_resident_bytes(server.pid)
    return rows, peak, limits


def db_bench(shape):
    """Random reads of existing keys by RocksDB alone, within the same limits. None where db_bench is missing."""
    tool = shutil.which("db_bench")
    if tool is None:
        print("db_bench is not installed (Debian package rocksdb-tools): no comparison")
        return None
    folder = tempfile.mkdtemp(prefix="firn-db-bench-", dir=os.environ.get("FIRN_BENCH_DIR"))
    group = MemoryGroup("firn-db-bench", shape.group_mib << 20)
    base = [tool, f"--db={folder}", f"--num={shape.keys}", "--value_size=1024", "--key_size=16",
            "--compression_ratio=1", "--bloom_bits=10", f"--cache_size={shape.maxmemory_mib << 19}"]
    try:
        subprocess.run(base + ["--benchmarks=filluniquerandom,waitforcompaction", "--disable_wal=1"],
                       preexec_fn=group.enter, check=True, capture_output=True)
        machine.drop_page_cache(folder)
        runs = [read_random(base + [f"--use_direct_reads={direct}"], shape, group) for direct in (0, 1)]
    except subprocess.CalledProcessError as error:
        print(f"db_bench failed: {error.stderr[-500:] if error.stderr else error}")
        return None
    finally:
        group.close()
        shutil.rmtree(folder, ignore_errors=True)
    # Its better half is what is to be beaten.
    return max((run for run in runs if run), key=lambda run: run["throughput"], default=None)


def read_random(base, shape, group):
    """A run of db_bench on a database that is there; None if it can't be understood."""
    seconds, before = shape.seconds // 2 or 1, resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(base + ["--benchmarks=readrandom", "--use_existing_db=1", "--threads=16",
                                  f"--duration={seconds}", f"--reads={shape.keys}"],
                          preexec_fn=group.enter, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    match = re.search(r"readrandom\s*:\s*([\d.]+) micros/op (\d+) ops/sec.*?\((\d+) of (\d+) found\)", done.stdout)
    if match is None:
        print(f"db_bench said something else:\n{done.stdout[-500:]}")
        return None
    # The figure in brackets is one thread's; the throughput is that of all.
    throughput, cpu = float(match[2]), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"throughput": throughput, "found": int(match[3]), "asked": int(match[4]),
            "cpu_us": cpu * 1e6 / (throughput * seconds)}


def run(options):
    shape = Shape(options.quick, options.group_mib)
    rows, peak, limits = run_server(options, shape)
    alone = db_bench(shape)
    show(f"Tiered: {shape.keys:,} values of 1 KiB, maxmemory {shape.maxmemory_mib}mb, {limits}; 64 connections, "
         "2 event loops, incompressible; times in microseconds",
         ["phase", "req/s", "p50", "p99", "p99.9", "max", "user", "system", "u+s", "RSS MiB", "read MiB", "written MiB",
          "slowest s", "silent s"],
         [[r["phase"]] + [r[name] for name in ("throughput", "p50_us", "p99_us", "p999_us", "max_us", "user_us",
                                               "system_us", "cpu_us")]
          + [(r[name] or 0) / (1 << 20) for name in ("rss", "disk_read", "disk_written")]
          + [r["slowest_second"], r["silent_seconds"]] for r in rows])
    results = {"limits": limits, "peak_bytes": peak, "phases": rows, "db_bench": alone}
    if alone:
        results["ratio_to_db_bench"] = rows[-1]["throughput"] / alone["throughput"]
        print(f"db_bench readrandom, 16 threads, same limits: {alone['throughput']:,.0f} reads a second "
              f"with {alone['cpu_us']:.0f} us of CPU each "
              f"({alone['found']} of one thread's {alone['asked']} found); "
              f"uniform GET is {results['ratio_to_db_bench']:.2f} of it")
    return results
