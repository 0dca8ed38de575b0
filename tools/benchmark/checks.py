"""What the integration checks (tools/check-*) share: claims, counts, a server in a folder of its own."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from .client import Client, ReplyError
from .load import LoadFailed
from .server import Server, ServerError

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Failed(Exception):
    """A check that didn't hold."""


def require(holds, text="it does not hold"):
    if not holds:
        raise Failed(text)


def binary():
    return os.environ.get("FIRN_SERVER", str(ROOT / ".build/release/firn-server"))


def eventually(condition, seconds=20.0):
    """Waits for what must come true; false after `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def refused(client, *words):
    """The error text of a call that must be refused."""
    try:
        reply = client.call(*words)
    except ReplyError as error:
        return str(error)
    raise Failed(f"{' '.join(map(str, words))[:60]} was answered {reply!r}")


def pipeline(client, requests, at_a_time=500):
    """Sends requests (tuples of words) in batches; the replies, errors among them as ReplyError objects."""
    replies = []
    for first in range(0, len(requests), at_a_time):
        some = requests[first:first + at_a_time]
        parts = []
        for words in some:
            words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
            parts.append(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        client.socket.sendall(b"".join(parts))
        for _ in some:
            try:
                replies.append(client._reply())
            except ReplyError as error:
                replies.append(error)
    return replies


class Place:
    """A folder with a flash directory, and servers on it one after the other."""

    def __init__(self, folder=None):
        self.own = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="firn-check-", dir=os.environ.get("FIRN_BENCH_DIR"))
        self.flash = os.path.join(self.folder, "flash")
        self.server = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        if self.own:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *arguments, maxmemory="16mb", threads=2):
        self.kill()
        self.server = Server("server", binary(), threads=threads, flash=True, maxmemory=maxmemory,
                             arguments=arguments, folder=self.folder)
        self.seconds = self.server.start()
        return self.server.client(timeout=60)

    def refuses(self, *arguments, seconds=20):
        """Starts a server that must not come up. Returns what it said."""
        command = Server("server", binary(), threads=1, flash=True, maxmemory="16mb", arguments=arguments,
                         folder=self.folder).command
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired as expired:
            raise Failed("the server started, or hangs") from expired
        require(done.returncode != 0, f"it ended with 0: {done.stdout[-300:]}")
        return done.stdout + done.stderr

    def shutdown(self, *words):
        """SHUTDOWN; waits for the end of the process, and looks whether what it leaves fits together."""
        client = Client(self.server.port, timeout=120)
        try:
            client.call("SHUTDOWN", *words)
        except ConnectionError:
            pass
        self.wait()
        self.inspect()

    def inspect(self, command="verify"):
        """tools/inspect on the directory of a server that has ended. Returns what it prints."""
        inspector = os.environ.get("FIRN_INSPECT", str(ROOT / ".build/release/inspect"))
        require(os.path.exists(inspector), f"no {inspector}: tools/build inspect makes it")
        done = subprocess.run([inspector, command, self.flash], capture_output=True, text=True, timeout=120)
        require(done.returncode == 0, f"inspect {command}: {done.stdout[-600:]}{done.stderr[-600:]}")
        return done.stdout

    def wait(self, status=0):
        code = self.server.process.wait(120)
        require(code == status, f"the server ended with status {code}: {self.log()}")

    def kill(self):
        if self.server is not None:
            self.server.stop(graceful=False)
            self.server = None

    def log(self, last=600):
        return pathlib.Path(self.folder, "server.log").read_text(errors="replace")[-last:]


def main(steps):
    """Runs (claim, body) pairs; the exit status. A body returns a reason to skip, or nothing."""
    passed = failed = 0
    for claim, body in steps:
        started = time.monotonic()
        try:
            skipped = body()
            if skipped:
                print(f"skip   {claim}: {skipped}", flush=True)
                continue
            passed += 1
            print(f"ok     {claim} ({time.monotonic() - started:.1f} s)", flush=True)
        except (Failed, LoadFailed, ServerError, ReplyError, OSError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"FAILED {claim}: {type(error).__name__}: {str(error)[-900:]}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
