"""YCSB's A, B, C and F and uniform reads on data many times larger than memory: as fast as it goes, then at 70 %.

Closed loop first: 64 connections, each with its next request when the last is answered. Then the same at seven tenths
of that rate, open loop: a request is due by the clock, and its time counts from then, whenever it could be sent. It
comes from many connections, as a request doesn't wait for another. Beside it eight read keys that are in RAM.
Compactions that a workload leaves end before the next begins.

With flash-direct-reads: where the page cache is small against the data, filling it costs more than its hits save.
"""
from . import load, machine, tiered
from .server import limited
from .table import show
from .wanted import Verdicts
from .writes import drain

# Of the open loop; with as few as in the closed one most requests would wait for an earlier one of their connection.
CLIENTS = 512
HOT = 200
HOT_CONNECTIONS = 8
HOT_RATE = 400

WORKLOADS = [("A: zipf 50/50", dict(mix="get:50,set:50", distribution="zipf:0.99")),
             ("B: zipf 95/5", dict(mix="get:95,set:5", distribution="zipf:0.99")),
             ("C: zipf GET", dict(mix="get:1", distribution="zipf:0.99")),
             ("F: zipf GET, GET+SET", dict(mix="get:1,modify:1", distribution="zipf:0.99")),
             ("uniform GET", dict(mix="get:1", distribution="uniform"))]
# Which of them run again at a fixed rate.
PACED = ("B: zipf 95/5", "uniform GET")


class Shape(tiered.Shape):
    def __init__(self, quick, group_mib=None):
        super().__init__(quick, group_mib)
        if not quick:
            self.keys = 4_000_000


def per_request(name, result):
    """A row, with what the device was asked for each request."""
    row = tiered.row(name, result)
    requests = max(1, result["requests"])
    for field in ("disk_read", "disk_written"):
        row[field + "_per_request"] = (result.get(field) or 0) / requests
    return row


def paced(server, common, choice, rate, seconds):
    """The workload at a fixed rate, beside readers of hot keys. By group: its latencies."""
    mix = choice["mix"].replace(",", "+")
    common = {**common, "connections": CLIENTS + HOT_CONNECTIONS}
    groups = [f"name=load,connections={CLIENTS},rate={rate:.0f},mix={mix},distribution={choice['distribution']}",
              f"name=hot,connections={HOT_CONNECTIONS},rate={HOT_RATE},mix=get:1,keys=0-{HOT},distribution=uniform"]
    return load.loadgen(server, "run", group=groups, seconds=seconds, misses_are_errors=True, poisson=True, **common)


def measure(options, shape):
    """The limits, rows of the closed loop, and those of the open one."""
    common = dict(keys=shape.keys, size=1024, connections=64, threads=1)
    closed, opened = [], []
    with limited(options, shape, "--flash-direct-reads", "yes") as server:
        limits, client = server.group.describe(), server.client()
        closed.append(per_request("load", load.loadgen(server, "load", **common)))
        for name, choice in WORKLOADS:
            drain(client)
            machine.drop_page_cache(server.folder)
            load.loadgen(server, "run", seconds=shape.warm_seconds, misses_are_errors=True, **common, **choice)
            result = load.loadgen(server, "run", seconds=shape.seconds, misses_are_errors=True, **common, **choice)
            closed.append(per_request(name, result))
            print(f"{name}: {result['throughput']:,.0f} a second", flush=True)
            if name not in PACED:
                continue
            rate = 0.7 * result["throughput"]
            # The hot keys of the other group come into RAM, and the load settles at its pace.
            paced(server, common, choice, rate, shape.warm_seconds)
            result = paced(server, common, choice, rate, shape.seconds)
            latency, hot = load.whole(result), load.whole(result, 1)
            opened.append({"phase": name, "rate": rate, "throughput": result["throughput"], "p50_us": latency["p50_us"],
                           "p99_us": latency["p99_us"], "p999_us": latency["p999_us"], "max_us": latency["max_us"],
                           "hot_p50_us": hot["p50_us"], "hot_p99_us": hot["p99_us"], "hot_p999_us": hot["p999_us"]})
            print(f"{name} at {rate:,.0f}: p99 {latency['p99_us']:,.0f} us, hot {hot['p99_us']:,.0f} us", flush=True)
    return limits, closed, opened


def run(options):
    shape = Shape(options.quick, options.group_mib)
    limits, closed, opened = measure(options, shape)
    alone = tiered.db_bench(shape)
    size = f"{shape.keys:,} values of 1 KiB, maxmemory {shape.maxmemory_mib}mb, {limits}"
    show(f"YCSB, as fast as it goes: {size}, direct reads; 64 connections, 2 event loops; microseconds; bytes of the "
         "device a request",
         ["phase", "req/s", "p50", "p99", "p99.9", "max", "user", "system", "u+s", "read", "written", "silent s"],
         [[r["phase"]] + [r[name] for name in (
             "throughput", "p50_us", "p99_us", "p999_us", "max_us", "user_us", "system_us", "cpu_us",
             "disk_read_per_request", "disk_written_per_request", "silent_seconds")] for r in closed])
    show(f"At 70 % of that, open loop, exponential gaps, beside {HOT_CONNECTIONS} connections with {HOT_RATE} reads of "
         "hot keys a second; microseconds from when each was due",
         ["phase", "rate", "req/s", "p50", "p99", "p99.9", "max", "hot p50", "hot p99", "hot p99.9"],
         [[r["phase"]] + [r[name] for name in ("rate", "throughput", "p50_us", "p99_us", "p999_us", "max_us",
                                               "hot_p50_us", "hot_p99_us", "hot_p999_us")] for r in opened])
    verdicts = Verdicts()
    for row in closed:
        verdicts.note("seconds without a reply", row["silent_seconds"], row["phase"])
    results = {"limits": limits, "closed": closed, "open": opened, "db_bench": alone, "verdicts": verdicts.rows}
    if alone:
        results["ratio_to_db_bench"] = closed[-1]["throughput"] / alone["throughput"]
        verdicts.note("uniform GET, part of db_bench readrandom", results["ratio_to_db_bench"])
        # Nearly every read of it is a miss.
        verdicts.note("CPU of uniform GET above db_bench's, us", closed[-1]["cpu_us"] - alone["cpu_us"])
    for row in opened:
        for field, what in (("p99_us", "all"), ("hot_p99_us", "hot keys")):
            verdicts.note(f"p99 of {what} at 70 %, ms", row[field] / 1000, row["phase"])
    verdicts.show()
    results["passed"] = verdicts.passed
    return results
