"""The checked-in lists: what must pass, and what doesn't and why.

expected.txt     unit<TAB>test name
exceptions.txt   unit<TAB>test name<TAB>fails|skip<TAB>reason     skip: not even run, because it hangs or ends its unit
memory-only.txt  unit<TAB>test name<TAB>reason                    of the expected ones, those that --tiered leaves out
"""
import pathlib


def _rows(path, columns):
    path = pathlib.Path(path)
    rows = []
    if not path.exists():
        return rows
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) != columns:
            raise ValueError(f"{path}:{number}: {len(cells)} tab-separated columns, wanted {columns}")
        rows.append(tuple(cells))
    return rows


class Lists:
    """The lists in memory; `save_*` writes them back sorted."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.expected = set(_rows(self.folder / "expected.txt", 2))
        self.exceptions = {(unit, name): (action, reason)
                           for unit, name, action, reason in _rows(self.folder / "exceptions.txt", 4)}
        self.memory = {(unit, name) for unit, name, _ in _rows(self.folder / "memory-only.txt", 3)}
        for key, (action, reason) in self.exceptions.items():
            if action not in ("fails", "skip") or not reason.strip():
                raise ValueError(f"exceptions.txt: {key}: '{action}' is not fails or skip, or the reason is missing")
            if key in self.expected:
                raise ValueError(f"{key} is on both lists")

    def units(self):
        return sorted({unit for unit, _ in self.expected})

    def memory_only(self, unit):
        return {name for of, name in self.memory if of == unit}

    def skipped(self, unit):
        return [name for (of, name), (action, _) in self.exceptions.items() if of == unit and action == "skip"]

    def save_expected(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        head = "# Tests of Redis 7.0.15's suite that pass. Only grows: tools/conformance --update. unit<TAB>test name\n"
        body = "".join(f"{unit}\t{name}\n" for unit, name in sorted(self.expected))
        (self.folder / "expected.txt").write_text(head + body)

    def save_exceptions(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        head = ("# Tests of Redis 7.0.15's suite that don't pass, and why. "
                "unit<TAB>test name<TAB>fails|skip<TAB>reason\n")
        body = "".join(f"{unit}\t{name}\t{action}\t{reason}\n"
                       for (unit, name), (action, reason) in sorted(self.exceptions.items()))
        (self.folder / "exceptions.txt").write_text(head + body)
