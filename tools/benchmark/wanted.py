"""The figures that are wanted, beside which `tools/bench` prints what it measures."""
from .table import show

AT_MOST, AT_LEAST = "at most", "at least"

# By claim. One that is missing here is printed without a verdict.
WANTED = {
    "seconds without a reply": (AT_MOST, 0),
    "errors": (AT_MOST, 0),
    "keys missing": (AT_MOST, 0),
    # The design's 'about 2 bytes, at most 4'.
    "bytes of RAM a cold key": (AT_MOST, 4),
    # Universal compaction may leave 60 % more than is alive (storage/RocksDBShim/Options.cpp).
    "space on disk over live data": (AT_MOST, 1.6),
    # What `maxmemory` leaves out: the binary, threads, what the allocator can't give back at once (README: 57 MB).
    "peak RSS above maxmemory, MiB": (AT_MOST, 64),
    "CPU of uniform GET above db_bench's, us": (AT_MOST, 25),
    "uniform GET, part of db_bench readrandom": (AT_LEAST, 0.5),
    "p99 of all at 70 %, ms, B: zipf 95/5": (AT_MOST, 5),
    "p99 of all at 70 %, ms, uniform GET": (AT_MOST, 10),
    "p99 of hot keys at 70 %, ms": (AT_MOST, 2),
    # Aiming at 1.5.
    "bytes of the device a byte that clients write": (AT_MOST, 2),
    "longest request, ms": (AT_MOST, 250),
}


class Verdicts:
    """Claims with what was measured and what is wanted."""

    def __init__(self):
        self.rows = []

    def note(self, claim, figure, of=""):
        """`of`: what the claim is about, where several are; a figure may be wanted of one of them."""
        kind, limit = WANTED.get(f"{claim}, {of}", WANTED.get(claim, (None, None)))
        holds = None
        if kind and figure is not None:
            holds = figure <= limit if kind == AT_MOST else figure >= limit
        self.rows.append({"claim": f"{of}: {claim}" if of else claim, "measured": figure,
                          "wanted": f"{kind} {limit:g}" if kind else "-", "passed": holds})

    @property
    def passed(self):
        return all(row["passed"] is not False for row in self.rows)

    def show(self):
        words = {True: "passed", False: "FAILED", None: ""}
        show("Beside what is wanted", ["", "measured", "wanted", ""],
             [[row["claim"], row["measured"], row["wanted"], words[row["passed"]]] for row in self.rows])
