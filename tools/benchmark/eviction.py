"""Which records should leave RAM? Traces through our spill order and others with the same number of records; no server.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile

from .server import ServerError
from .table import show

# Bytes that each record in RAM would cost more than it does: 8 for a place in a ring or two 4-byte links, 4 for a
# fingerprint of a ghost (nine for ten records).
BYTES = {"LRU": 8, "Redis LRU": 0, "Redis LFU": 0, "CLOCK": 8, "Firn": 0, "one generation": 0,
         "S3-FIFO": 8 + 0.9 * 4, "SIEVE": 8, "Firn with ghost": 0.9 * 4}


def compiled(folder):
    compiler = shutil.which("clang") or shutil.which("cc")
    if compiler is None:
        raise ServerError("no C compiler (the Swift toolchain has clang)")
    program = os.path.join(folder, "eviction")
    source = pathlib.Path(__file__).with_name("eviction.c")
    subprocess.run([compiler, "-O2", "-o", program, str(source), "-lm"], check=True)
    return program


def replay(keys, warm, requests):
    """By (trace, part of the keys that fits) a dictionary of policy to figures."""
    folder = tempfile.mkdtemp(prefix="firn-eviction-")
    try:
        done = subprocess.run([compiled(folder), str(keys), str(warm), str(requests)], check=True, capture_output=True,
                              text=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = {}
    for line in done.stdout.splitlines():
        trace, part, policy, *numbers = line.split("\t")
        reads, misses, writes, asked = map(int, numbers)
        rows.setdefault((trace, part), {})[policy] = {"misses": misses / max(1, reads), "writes": writes / asked}
    return rows


def run(options):
    keys, warm, requests = (50_000, 200_000, 400_000) if options.quick else (500_000, 3_000_000, 5_000_000)
    rows = replay(keys, warm, requests)
    policies = list(next(iter(rows.values())))
    size = f"{keys:,} keys, {requests:,} requests after {warm:,}, the same number of records in RAM"
    for title, field in (("Reads that miss, in percent", "misses"), ("Records written in 100 requests", "writes")):
        show(f"{title}; {size}", ["trace", "in RAM", *policies],
             [[trace, part, *(100 * figures[policy][field] for policy in policies)]
              for (trace, part), figures in rows.items()])
    show("Misses beside Firn's, all traces", ["policy", "least", "mean", "most", "bytes a record"],
         [[policy, min(ratios), sum(ratios) / len(ratios), max(ratios), BYTES[policy]] for policy, ratios in
          ((policy, [figures[policy]["misses"] / figures["Firn"]["misses"] for figures in rows.values()])
           for policy in policies)])
    return [{"trace": trace, "part": part, "policies": figures} for (trace, part), figures in rows.items()]
