"""Two million keys through 200 MB: bounded memory, exact counts, a full SCAN under writes, a clean restart."""
import threading
import time

from . import load, machine
from .client import ReplyError
from .server import Server, is_ours


class Sampler:
    """The largest resident set seen while the block runs."""

    def __init__(self, pid):
        self.pid, self.peak, self.ending = pid, 0, threading.Event()
        self.thread = threading.Thread(target=self._sample)

    def _sample(self):
        while not self.ending.is_set():
            try:
                self.peak = max(self.peak, machine.resident_bytes(self.pid))
            except (OSError, ValueError):
                return
            self.ending.wait(0.05)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()


class Checks:
    """Claims with what was seen; printed as they are made."""

    def __init__(self):
        self.rows = []

    def note(self, claim, holds, seen):
        self.rows.append({"claim": claim, "passed": bool(holds), "seen": seen})
        print(f"{'ok    ' if holds else 'FAILED'} {claim}: {seen}", flush=True)

    def attempt(self, claim, body):
        """`body` returns what was seen, or raises LoadFailed."""
        try:
            self.note(claim, True, body())
        except load.LoadFailed as error:
            self.note(claim, False, str(error)[-400:])


def same_again(checks, server, keys, when, limit_mib, version):
    common = dict(keys=keys, size=1024)
    with Sampler(server.pid) as sampler:
        client = server.client()
        count = client.call("DBSIZE")
        client.close()
        checks.note(f"DBSIZE {when}", count == keys, f"{count:,}")
        checks.attempt(f"every value reads back {when}", lambda: "{:,.0f} a second".format(
            load.loadgen(server, "verify", connections=16, pipeline=8, version=version, **common)["throughput"]))
        checks.attempt(f"SCAN under writes returns every key {when}",
                       lambda: "{seconds:.1f} s, {repeated} repeated".format(
                           **load.loadgen(server, "scan", connections=8, mix="set:1", **common)["scan"]))
    checks.note(f"resident set {when} below {limit_mib} MB", sampler.peak < limit_mib * 1_000_000,
                f"at most {sampler.peak / 1e6:.0f} MB")


def run(options):
    keys, maxmemory, limit_mib = (200_000, "20mb", 120) if options.quick else (2_000_000, "200mb", 300)
    # A stand-in without a flash tier keeps its data in a dump instead.
    extra = [] if is_ours(options.binary) else ["--save", "3600 1"]
    checks = Checks()
    with Server("ours", options.binary, threads=2, flash=True, maxmemory=maxmemory,
                arguments=options.server_arguments.split() + extra) as server:
        with Sampler(server.pid) as sampler:
            started = time.monotonic()
            checks.attempt(f"{keys:,} keys of 1 KiB load", lambda: "{:,.0f} a second".format(
                load.loadgen(server, "load", keys=keys, size=1024, connections=32, pipeline=4)["throughput"]))
            loading = time.monotonic() - started
        checks.note(f"resident set during the load below {limit_mib} MB", sampler.peak < limit_mib * 1_000_000,
                    f"at most {sampler.peak / 1e6:.0f} MB")
        same_again(checks, server, keys, "before the restart", limit_mib, version=0)
        started = time.monotonic()
        client = server.client()
        try:
            client.call("SHUTDOWN")
        except (ConnectionError, ReplyError) as error:
            if isinstance(error, ReplyError):
                checks.note("SHUTDOWN is accepted", False, str(error))
        server.process.wait(600)
        stopping = time.monotonic() - started
        checks.note("SHUTDOWN ends with status 0", server.process.returncode == 0,
                    f"status {server.process.returncode} after {stopping:.1f} s")
        machine.drop_page_cache(server.folder)
        first_reply = server.start()
        checks.note("first reply within 2 s of the start", first_reply < 2, f"{first_reply:.2f} s")
        same_again(checks, server, keys, "after the restart", limit_mib, version=None)
    return {"checks": checks.rows, "load_seconds": loading, "shutdown_seconds": stopping,
            "first_reply_seconds": first_reply, "passed": all(row["passed"] for row in checks.rows)}
