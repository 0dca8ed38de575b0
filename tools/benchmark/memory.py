"""Resident memory per key: 16-byte keys, 32-byte values, growth since the empty server at five sizes."""
import statistics
import time

from . import load, machine
from .server import Server
from .table import show


def settle(pid):
    """Resident memory once it no longer moves by more than 1 %, within ten seconds."""
    last = machine.resident_bytes(pid)
    for _ in range(10):
        time.sleep(1)
        now = machine.resident_bytes(pid)
        if abs(now - last) < last / 100:
            return now
        last = now
    return last


def per_key(server, sizes):
    empty, done, figures = settle(server.pid), 0, []
    for size in sizes:
        load.loadgen(server, "load", first=done, keys=size, size=32, pipeline=64)
        done = size
        client = server.client()
        count = client.call("DBSIZE")
        client.close()
        if count != size:
            raise load.LoadFailed(f"{server.name}: DBSIZE {count} after {size} keys")
        figures.append((settle(server.pid) - empty) / size)
        print(f"{server.name}: {size:,} keys, {figures[-1]:.1f} bytes a key", flush=True)
    return figures


def run(options):
    first, last = (300_000, 1_000_000) if options.quick else (3_000_000, 10_000_000)
    sizes = [first + (last - first) * step // 4 for step in range(5)]
    results = {"sizes": sizes}
    for name, binary in (("ours", options.binary), ("peer", options.peer)):
        if ":" in binary:
            continue
        with Server(name, binary) as server:
            figures = per_key(server, sizes)
        results[name] = {"bytes_per_key": figures, "median": statistics.median(figures), "worst": max(figures)}
    names = [name for name in ("ours", "peer") if name in results]
    show("Growth of resident memory per key: 16-byte key, 32-byte value", ["keys"] + names,
         [[f"{size:,}"] + [results[name]["bytes_per_key"][at] for name in names] for at, size in enumerate(sizes)]
         + [["median"] + [results[name]["median"] for name in names]])
    own = results["ours"]
    results["passed"] = own["median"] <= 80 and own["worst"] <= 90
    print(f"{'passed' if results['passed'] else 'FAILED'}: median at most 80 bytes, none above 90")
    return results
