"""A memory control group of our own, version 1 or 2, where the machine lets us make one."""
import os
import pathlib

V1 = pathlib.Path("/sys/fs/cgroup/memory")
V2 = pathlib.Path("/sys/fs/cgroup")


class MemoryGroup:
    """Limits the processes started in it, page cache too. Where none can be made `path` is None; `why` says why."""

    def __init__(self, name, limit_bytes):
        self.limit_bytes, self.path, self.why = limit_bytes, None, ""
        version, root = (1, V1) if (V1 / "memory.limit_in_bytes").exists() else (2, V2)
        self.version = version
        path = root / f"{name}-{os.getpid()}"
        try:
            if version == 2 and "memory" not in (root / "cgroup.controllers").read_text():
                raise OSError("the memory controller is not there")
            if version == 2:
                (root / "cgroup.subtree_control").write_text("+memory")
            path.mkdir()
            self.path = path
            self._limit()
        except OSError as error:
            self.why = f"no memory control group (version {version}): {error}"
            self.close()

    def _limit(self):
        name = "memory.limit_in_bytes" if self.version == 1 else "memory.max"
        (self.path / name).write_text(str(self.limit_bytes))
        try:
            if self.version == 2:
                (self.path / "memory.swap.max").write_text("0")
        except OSError:
            pass  # a kernel without swap accounting: nothing to limit

    def enter(self):
        """For the child, between fork and exec."""
        if self.path is not None:
            (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def peak_bytes(self):
        for name in ("memory.max_usage_in_bytes", "memory.peak"):
            try:
                return int((self.path / name).read_text())
            except (OSError, TypeError):
                continue
        return 0

    def describe(self):
        if self.path is None:
            return self.why
        return f"cgroup v{self.version} {self.path} limited to {self.limit_bytes >> 20} MiB"

    def close(self):
        if self.path is not None:
            try:
                self.path.rmdir()
            except OSError:
                pass  # somebody is still in it; the group is empty of meaning but not ours to force
            self.path = None
