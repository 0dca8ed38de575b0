"""Device writes for each byte that clients write, on a read-mostly load; space on disk over what is alive.

zipf 0.99, 95 % GET, incompressible values, until as many bytes have been overwritten as the data has; then compactions
are left to end. Three accounts of the same writes: RocksDB's counters of flushes and compactions (INFO flash), the
kernel's of the process (/proc/PID/io), and of the control group where it has one.
"""
import pathlib
import time

from . import load, machine
from .server import limited
from .table import mib, show
from .wanted import Verdicts

KEY_BYTES = 16
VALUE_BYTES = 1024


class Shape:
    def __init__(self, quick, group_mib=None):
        self.keys, self.maxmemory_mib = (100_000, 16) if quick else (2_000_000, 256)
        self.group_mib = group_mib or (128 if quick else 512)
        self.slice_seconds = 5 if quick else 30
        # A load that never gets there ends all the same.
        self.limit_seconds = 60 if quick else 3_600

    @property
    def data_bytes(self):
        return self.keys * (KEY_BYTES + VALUE_BYTES)


def group_written(group):
    """What a control group of version 2 has written; None elsewhere."""
    try:
        text = (pathlib.Path(group.path) / "io.stat").read_text()
    except (OSError, TypeError):
        return None
    return sum(int(word[7:]) for word in text.split() if word.startswith("wbytes="))


class Account:
    """Bytes written since it was made, by who counts them."""

    def __init__(self, server, client):
        self.server, self.client = server, client
        self.before = self._read()

    def _read(self):
        info = self.client.info()
        return {"RocksDB": int(info["flash_flush_write_bytes"]) + int(info["flash_compaction_write_bytes"]),
                "/proc/PID/io": machine.disk_bytes(self.server.pid)[1], "io.stat": group_written(self.server.group),
                "spilled": int(info["flash_spilled_bytes"])}

    def written(self):
        after = self._read()
        return {name: None if value is None else value - self.before[name] for name, value in after.items()}


def drain(client, seconds=600):
    """Waits until no compaction runs or is due, seen so for two seconds. Whether it came to that."""
    quiet, end = 0, time.monotonic() + seconds
    while quiet < 4:
        info = client.info()
        busy = int(info["flash_compactions_running"]) + int(info["flash_compaction_pending_bytes"])
        quiet = 0 if busy else quiet + 1
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True


def overwrite(server, shape):
    """Runs the load until its writes are as many bytes as the data. Bytes that clients wrote, reads, seconds."""
    common = dict(keys=shape.keys, size=VALUE_BYTES, connections=64, mix="get:95,set:5", distribution="zipf:0.99")
    sets = gets = seconds = 0
    while sets * (KEY_BYTES + VALUE_BYTES) < shape.data_bytes and seconds < shape.limit_seconds:
        result = load.loadgen(server, "run", seconds=shape.slice_seconds, misses_are_errors=True, **common)
        operations = result["groups"][0]["operations"]
        sets += operations["set"]["requests"]
        gets += operations["get"]["requests"]
        seconds += result["seconds"]
    return sets * (KEY_BYTES + VALUE_BYTES), gets, seconds


def run(options):
    shape = Shape(options.quick, options.group_mib)
    with limited(options, shape) as server:
        limits, client = server.group.describe(), server.client()
        account = Account(server, client)
        load.loadgen(server, "load", keys=shape.keys, size=VALUE_BYTES, connections=64)
        drain(client)
        loading, account = account.written(), Account(server, client)
        client_bytes, gets, seconds = overwrite(server, shape)
        drained = drain(client)
        written, disk = account.written(), int(client.info()["flash_disk_bytes"])
        alive = client.call("DBSIZE") * (KEY_BYTES + VALUE_BYTES)
    show(f"Device writes: {shape.keys:,} values of 1 KiB, maxmemory {shape.maxmemory_mib}mb, {limits}",
         ["", "clients wrote", "RocksDB", "/proc/PID/io", "io.stat", "spilled", "a client's byte"],
         [["load", mib(shape.data_bytes), *(mib(loading[name]) for name in loading),
           loading["RocksDB"] / shape.data_bytes],
          [f"zipf 0.99, 95/5, {seconds:,.0f} s, {gets:,} reads", mib(client_bytes),
           *(mib(written[name]) for name in written), written["RocksDB"] / client_bytes]])
    verdicts = Verdicts()
    verdicts.note("part of the data that was overwritten", client_bytes / shape.data_bytes)
    for name in ("RocksDB", "/proc/PID/io", "io.stat"):
        if written[name] is not None:
            verdicts.note("bytes of the device a byte that clients write", written[name] / client_bytes, f"by {name}")
    verdicts.note("bytes that left RAM a byte that clients write", written["spilled"] / client_bytes)
    verdicts.note("space on disk over live data", disk / alive)
    verdicts.show()
    if not drained:
        print("FAILED: compactions did not come to an end")
    return {"limits": limits, "client_bytes": client_bytes, "gets": gets, "seconds": seconds, "loading": loading,
            "written": written, "disk_bytes": disk, "drained": drained, "verdicts": verdicts.rows,
            "passed": verdicts.passed and drained}
