"""Ranges of ports that no two runs of the suite on one machine share."""
import fcntl
import os
import tempfile

# The suite also wants each port plus 10000 (cluster bus), so all stay below 32768, where the kernel's own ephemeral
# ports begin.
FIRST, WIDTH, COUNT = 12000, 400, 25


class NoPorts(Exception):
    """Every range is taken."""


def take(held=[]):
    """The first port of a range of WIDTH that is this process' alone until it ends."""
    for number in range(COUNT):
        path = os.path.join(tempfile.gettempdir(), f"firn-conformance-{number}.lock")
        try:
            lock = open(path, "a")
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        held.append(lock)  # the lock ends with the file, the file with the process
        return FIRST + number * WIDTH
    raise NoPorts(f"{COUNT} runs of the suite hold all ranges of ports")
