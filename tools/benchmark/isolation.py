"""Do readers of cold keys slow down readers of hot ones? Paced below saturation, timed from when each was due."""
import statistics

from . import load
from .server import Server, ServerError
from .table import show

HOT = 1000
DELAY_MS = 50


def hot_p99(server, options, keys, rate, seconds, mixed, seed):
    """p99 of the hot connections: 64 of them alone, or 32 beside 32 that read only cold keys, at the same pace each."""
    groups = [f"name=hot,connections={32 if mixed else 64},keys=0-{HOT},rate={rate / 2 if mixed else rate}"]
    if mixed:
        groups.append(f"name=cold,connections=32,keys={HOT}-{keys},rate={rate / 2}")
    result = load.loadgen(server, "run", group=groups, keys=keys, size=1024, seconds=seconds, seed=seed,
                          misses_are_errors=True, poisson=True)
    cold = load.whole(result, 1) if mixed else None
    return load.whole(result)["p99_us"], cold["p99_us"] if cold else None


def slow_down(server, binary, delay_ms):
    """Goes on with the data under a server whose flash reads take longer, with threads enough for the pace."""
    server.stop()
    if server.process.returncode != 0:
        raise ServerError(f"the server ended with {server.process.returncode} before it was to be slowed down")
    server.command = [binary, "--read-delay-ms", str(delay_ms), *server.command[1:], "--flash-io-threads", "256"]
    server.start()


def measure(options, name, extra, limit, slow=None):
    """`slow`: the binary to measure, after the data was loaded by the product's."""
    keys, maxmemory = (200_000, "32mb") if options.quick else (1_000_000, "128mb")
    seconds, rate = (3, options.rate) if options.quick else (15, options.rate)
    alone, beside, cold = [], [], []
    with Server(name, options.binary, threads=2, flash=True, maxmemory=maxmemory,
                arguments=options.server_arguments.split() + extra.split()) as server:
        load.loadgen(server, "load", keys=keys, size=1024, connections=16, pipeline=4)
        if slow:
            slow_down(server, slow, DELAY_MS)
        load.loadgen(server, "run", keys=HOT, size=1024, seconds=4, misses_are_errors=True)
        for number in range(options.rounds):
            alone.append(hot_p99(server, options, keys, rate, seconds, False, number + 1)[0])
            hot, other = hot_p99(server, options, keys, rate, seconds, True, number + 1)
            beside.append(hot)
            cold.append(other)
            print(f"{name}, round {number + 1}: hot p99 {alone[-1]:.0f} us alone, {hot:.0f} us beside cold readers "
                  f"(whose p99 is {other:.0f} us)", flush=True)
    figures = {"provider": name, "rate": rate, "hot_alone_p99_us": statistics.median(alone),
               "hot_beside_p99_us": statistics.median(beside), "cold_p99_us": statistics.median(cold), "limit": limit}
    figures["ratio"] = figures["hot_beside_p99_us"] / figures["hot_alone_p99_us"]
    figures["passed"] = figures["ratio"] < limit
    return figures


def run(options):
    results = [measure(options, "flash", "", 3.0)]
    if options.slow_arguments:
        results.append(measure(options, "50 ms a read", options.slow_arguments, 1.5))
    elif options.slow_binary:
        results.append(measure(options, f"{DELAY_MS} ms a read", "", 1.5, slow=options.slow_binary))
    else:
        print("the slow provider was left out: it needs our own server, or --slow-arguments for another")
    show("Isolation: 64 paced connections, p99 in microseconds",
         ["provider", "hot alone", "hot beside cold", "cold", "ratio", "limit", ""],
         [[r["provider"], r["hot_alone_p99_us"], r["hot_beside_p99_us"], r["cold_p99_us"], r["ratio"], r["limit"],
           "passed" if r["passed"] else "FAILED"] for r in results])
    return {"runs": results, "passed": all(r["passed"] for r in results)}
