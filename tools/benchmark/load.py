"""The two load generators as functions: ours, and redis-benchmark."""
import csv
import io
import json
import os
import shutil
import subprocess

from .server import Meter

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class LoadFailed(Exception):
    """The generator found wrong replies or couldn't run."""


def loadgen(server, phase, *, tolerate=False, group=None, **options):
    """Runs tools/loadgen's `phase`; options are its own (`mget_keys=10` is --mget-keys 10).

    Returns its JSON with the server's CPU time."""
    binary = os.environ.get("FIRN_LOADGEN", os.path.join(ROOT, ".build/release/loadgen"))
    command = [binary, phase, "--port", str(server.port), "--json", "-"]
    host = getattr(server, "host", "127.0.0.1")
    if host != "127.0.0.1":
        command += ["--host", host, "--allow-remote"]
    for name, value in options.items():
        name = "--" + name.replace("_", "-")
        command += [name] if value is True else [] if value in (None, False) else [name, str(value)]
    for text in group or ():
        command += ["--group", text]
    meter = Meter(server)
    done = subprocess.run(command, capture_output=True, text=True)
    if not done.stdout.startswith("{"):
        raise LoadFailed(f"{' '.join(command)}\n{done.stderr.strip()}")
    result = json.loads(done.stdout)
    result.update(meter.per_request(result["requests"]))
    if done.returncode != 0 and not tolerate:
        raise LoadFailed(f"{' '.join(command)}\n{result['mismatches']} wrong replies, {result['errors']} errors, "
                         f"{result['unanswered']} unanswered: {result['samples']}")
    return result


def whole(result, group=0):
    """The latencies of all operations of a group together."""
    operations = result["groups"][group]["operations"]
    return operations.get("all") or next(iter(operations.values()))


def redis_benchmark(server, operation, *, requests, pipeline, size, keys, clients=50):
    """Runs redis-benchmark; MGET asks for 10 keys."""
    tool = shutil.which("redis-benchmark")
    command = [tool, "-h", getattr(server, "host", "127.0.0.1"), "-p", str(server.port), "-c", str(clients), "-n",
               str(requests), "-P", str(pipeline), "-d", str(size), "-r", str(keys), "--csv"]
    if operation == "mget":
        command += ["mget"] + ["key:__rand_int__"] * 10
    else:
        command += ["-t", operation]
    meter = Meter(server)
    done = subprocess.run(command, capture_output=True, text=True)
    rows = [row for row in csv.reader(io.StringIO(done.stdout)) if len(row) >= 8 and row[0] != "test"]
    if done.returncode != 0 or not rows:
        raise LoadFailed(f"{' '.join(command)}\n{done.stdout[-300:]}{done.stderr[-300:]}")
    # Columns: test, rps, average, minimum, p50, p95, p99, maximum, in milliseconds.
    row = rows[-1]
    return {"throughput": float(row[1]), "p50_us": float(row[4]) * 1e3, "p99_us": float(row[6]) * 1e3,
            "max_us": float(row[7]) * 1e3, **meter.per_request(requests)}
