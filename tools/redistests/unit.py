"""One run of one unit of the suite, and what its output says."""
import dataclasses
import os
import re
import signal
import subprocess
import time

from . import source

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
OK = re.compile(r"^\[ok\]: (.*?)(?: \(\d+ ms\))?$")
# What fails between tests is reported under its error's text, which may hold a port of this run.
PORT = re.compile(r"'\d{5}'")
ERR = re.compile(r"^\[err\]: (.*?)(?: in (tests/\S+\.tcl))?$")
IGNORED = re.compile(r"^\[(?:ignore|skip)\]: (.*)$")
EXCEPTION = re.compile(r"^\[exception\]: (.*)$")
IN_PROGRESS = re.compile(r"\(IN PROGRESS\) (.*)$")


@dataclasses.dataclass
class Result:
    """What a unit's run gave: names of tests by verdict, and how it ended."""
    unit: str
    passed: set = dataclasses.field(default_factory=set)
    failed: dict = dataclasses.field(default_factory=dict)
    ignored: set = dataclasses.field(default_factory=set)
    exceptions: list = dataclasses.field(default_factory=list)
    hanging: list = dataclasses.field(default_factory=list)
    complete: bool = False
    seconds: float = 0.0

    def settle(self):
        """A name that passed in one place of the unit and failed in another has failed."""
        self.passed -= set(self.failed)
        self.ignored -= self.passed | set(self.failed)
        return self

    def ending(self):
        if self.complete:
            return ""
        return "; ".join(self.exceptions + [f"hangs in '{name}'" for name in self.hanging]) or "ended early"


def parse(unit, text):
    result = Result(unit)
    reason_for = None
    for line in COLOUR.sub("", text).splitlines():
        if match := OK.match(line):
            result.passed.add(match[1])
        elif match := ERR.match(line):
            reason_for = match[1] if match[2] else PORT.sub("'PORT'", match[1])
            result.failed.setdefault(reason_for, "")
            continue
        elif match := IGNORED.match(line):
            # Tags are named behind the last colon; a test's own name may hold colons.
            result.ignored.add(re.sub(r": (?:Tag:|Not |No ).*$", "", match[1]))
        elif match := EXCEPTION.match(line):
            result.exceptions.append(match[1][:300])
        elif match := IN_PROGRESS.search(line):
            result.hanging.append(match[1].strip())
        elif reason_for is not None and line.strip() and not result.failed[reason_for]:
            result.failed[reason_for] = line.strip()[:300]
            continue
        if "The End" in line:
            result.complete = True
        reason_for = None
    if result.exceptions or result.hanging or "[TIMEOUT]" in text:
        result.complete = False
    return result.settle()


def run_unit(copy, unit, *, skip=(), base_port, hang_seconds, limit_seconds, extra=(), log=None):
    """Runs `unit` in the working copy. Always returns; kills the suite and its servers when the limit has passed."""
    skipfile = copy / "skipfile"
    skipfile.write_text("".join(name + "\n" for name in skip))
    command = ["./runtest", "--single", unit, "--clients", "1", "--durable", "--baseport", str(base_port),
               "--portcount", "300", "--timeout", str(hang_seconds), "--skipfile", "skipfile",
               "--tags", f"-{source.DENIED_TAG}", *extra]
    started = time.monotonic()
    # A session of its own: what the suite leaves behind is in its process group and ends with it.
    process = subprocess.Popen(command, cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               stdin=subprocess.DEVNULL, start_new_session=True, env={**os.environ, "TERM": "dumb"})
    late = False
    try:
        output, _ = process.communicate(timeout=limit_seconds)
    except subprocess.TimeoutExpired:
        late = True
        output = b""
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    if late:
        output, _ = process.communicate()
    text = output.decode("utf-8", "replace")
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text)
    result = parse(unit, text)
    if late:
        result.complete = False
        result.exceptions.append(f"not through after {limit_seconds} s")
    result.seconds = time.monotonic() - started
    return result
