"""Servers under measurement: ours, a peer's binary, or one that runs already."""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import machine
from .cgroup import MemoryGroup
from .client import Client, ReplyError


class ServerError(Exception):
    """A server that can't be started or reached."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_ours(binary):
    """Only ours knows the flash tier and the number of event loops; anything else is started like redis-server."""
    return "firn" in pathlib.Path(binary).name


class Server:
    """A process on a loopback port with a folder of its own. Use as a context manager."""

    def __init__(self, name, binary, *, threads=1, maxmemory=None, flash=False, arguments=(), group=None, folder=None):
        self.name, self.group, self.process = name, group, None
        self.port = free_port()
        self.binary = shutil.which(binary)
        if self.binary is None:
            raise ServerError(f"no server binary at {binary}")
        self.own_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="firn-bench-", dir=os.environ.get("FIRN_BENCH_DIR"))
        self.command = [self.binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                        "--dir", self.folder]
        if is_ours(self.binary):
            self.command += ["--server-threads", str(threads)]
            if flash:
                self.command += ["--storage-provider", "flash", os.path.join(self.folder, "flash")]
            if maxmemory:
                self.command += ["--maxmemory", maxmemory]
        self.command += list(arguments)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop(graceful=False)
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, limit_seconds=60):
        """Returns the seconds from the start of the process to its first reply."""
        log = open(os.path.join(self.folder, "server.log"), "ab")
        started = time.monotonic()
        self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                        preexec_fn=self.group.enter if self.group else None)
        log.close()
        while time.monotonic() - started < limit_seconds:
            if self.process.poll() is not None:
                break
            try:
                client = Client(self.port, timeout=5)
                reply = client.call("PING")
                took = time.monotonic() - started
                # Until ours has bound it, somebody else's server may have taken the port.
                answers = reply == "PONG" and client.info().get("process_id") == str(self.process.pid)
                client.close()
                if answers:
                    return took
                time.sleep(0.005)
            except (OSError, ReplyError):
                time.sleep(0.005)
        text = pathlib.Path(self.folder, "server.log").read_text(errors="replace")[-1500:]
        self.stop(graceful=False)
        raise ServerError(f"{self.name} gave no reply within {limit_seconds} s; its log ends:\n{text}")

    def renew(self):
        """A new process, without data. Which pages of memory a process gets makes some 10 % (one binary with itself),
        so that each round has its own."""
        self.stop(graceful=False)
        self.start()

    @property
    def pid(self):
        return self.process.pid

    def client(self, timeout=600.0):
        return Client(self.port, timeout=timeout)

    def stop(self, graceful=True, limit_seconds=300):
        """Returns the seconds until the process was gone."""
        if self.process is None:
            return 0.0
        started = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM if graceful else signal.SIGKILL)
            try:
                self.process.wait(limit_seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return time.monotonic() - started


class Running:
    """A server that somebody else started: HOST:PORT. CPU time is known only where it runs on this machine."""

    def __init__(self, name, address):
        host, _, port = address.rpartition(":")
        self.name, self.host, self.port = name, host or "127.0.0.1", int(port)
        client = Client(self.port, self.host)
        pid = int(client.info().get("process_id", 0))
        client.close()
        local = self.host in ("127.0.0.1", "localhost", "::1") and os.path.exists(f"/proc/{pid}/stat")
        self.pid = pid if local else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def renew(self):
        """It isn't ours to end."""

    def client(self, timeout=600.0):
        return Client(self.port, self.host, timeout)


def turned(servers, number):
    """The order in round `number`: who comes first in a row costs some 3 % more, so that each has its turn."""
    first = number % len(servers)
    return [*servers[first:], *servers[:first]]


class Meter:
    """CPU time and disk traffic of a server over an interval."""

    def __init__(self, server):
        self.pid = server.pid
        self.before = self._read()

    def _read(self):
        if self.pid is None:
            return None
        try:
            machine.resident_bytes(self.pid)
            return machine.cpu_seconds(self.pid) + machine.disk_bytes(self.pid)
        except (OSError, ValueError) as error:
            raise ServerError(f"the server (process {self.pid}) has ended; was it killed for memory?") from error

    def per_request(self, requests):
        """User and system microseconds for each request, and bytes read and written in all, since the start."""
        after = self._read()
        if after is None or self.before is None or not requests:
            return {}
        user, system, read, written = (b - a for a, b in zip(self.before, after))
        return {"user_us": user * 1e6 / requests, "system_us": system * 1e6 / requests,
                "cpu_us": (user + system) * 1e6 / requests, "disk_read": read, "disk_written": written,
                "rss": machine.resident_bytes(self.pid)}


@contextlib.contextmanager
def limited(options, shape, *arguments):
    """Ours with a flash tier, process and page cache within `shape.group_mib` where the machine lets us limit them
    (`server.group` says). A context manager."""
    group = MemoryGroup("firn-bench", shape.group_mib << 20)
    try:
        with Server("ours", options.binary, threads=2, flash=True, maxmemory=f"{shape.maxmemory_mib}mb",
                    arguments=[*arguments, *options.server_arguments.split()], group=group) as server:
            yield server
    finally:
        group.close()
