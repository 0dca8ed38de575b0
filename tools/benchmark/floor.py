"""How much of a small request's CPU time is the kernel's: ours and the peer beside a C loop that only answers."""
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

from . import load
from .micro import KEYS, fill
from .server import Running, Server, ServerError, free_port, turned
from .table import show

FIELDS = ("throughput", "user_us", "system_us", "cpu_us")
REQUESTS = {1: 200_000, 16: 2_000_000}


class Floor:
    """floor.c, compiled and running. Use as a context manager."""

    def __init__(self):
        self.name, self.port, self.process = "floor", free_port(), None
        self.folder = tempfile.mkdtemp(prefix="firn-floor-")

    def __enter__(self):
        compiler = shutil.which("clang") or shutil.which("cc")
        if compiler is None:
            raise ServerError("no C compiler (the Swift toolchain has clang)")
        program = os.path.join(self.folder, "floor")
        source = pathlib.Path(__file__).with_name("floor.c")
        subprocess.run([compiler, "-O2", "-o", program, str(source)], check=True)
        self.process = subprocess.Popen([program, str(self.port)])
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except OSError:
                time.sleep(0.01)
        raise ServerError("the floor does not accept connections")

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self):
        return self.process.pid


def run(options):
    ours = [Server(f"ours-{n}", options.binary, threads=n) for n in options.threads]
    peer = (Running("peer", options.peer) if ":" in options.peer
            else Server("peer", options.peer, arguments=options.peer_arguments.split()))
    servers, samples, started = [*ours, peer, Floor()], {}, []
    try:
        for server in servers:
            started.append(server.__enter__())
        for number in range(options.rounds):
            for server in (*ours, peer):
                server.renew()
                fill(server, 32)
            for pipeline, requests in REQUESTS.items():
                for operation in ("get", "set"):
                    for server in turned(servers, number):
                        sample = load.redis_benchmark(
                            server, operation, requests=requests // (4 if options.quick else 1), pipeline=pipeline,
                            size=32, keys=KEYS)
                        samples.setdefault((operation, pipeline, server.name), []).append(sample)
            print(f"round {number + 1}", flush=True)
    finally:
        for server in started:
            server.__exit__()
    return table(samples, [server.name for server in servers])


def table(samples, names):
    results, lines = [], []
    for operation, pipeline in dict.fromkeys(key[:2] for key in samples):
        medians = {name: {field: statistics.median(sample[field] for sample in samples[operation, pipeline, name])
                          for field in FIELDS} for name in names}
        results.append({"operation": operation, "pipeline": pipeline, "servers": medians})
        for name, own in medians.items():
            lines.append([f"{operation} P{pipeline}", name, *(own[field] for field in FIELDS),
                          own["user_us"] / medians["peer"]["user_us"], own["cpu_us"] / medians["peer"]["cpu_us"]])
    show("redis-benchmark, 50 connections, 32 bytes, random keys of 100,000; medians over the rounds; microseconds",
         ["row", "server", "req/s", "user", "system", "u+s", "x user", "x u+s"], lines)
    return results
