"""What the figures were taken on, and the kernel's accounts of a process."""
import os
import pathlib
import platform
import subprocess

TICKS = os.sysconf("SC_CLK_TCK")


def _first(path, key):
    try:
        for line in pathlib.Path(path).read_text().splitlines():
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return "unknown"


def facts(root):
    """A dictionary of what a reader needs to judge the figures."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True)
    return {
        "processor": _first("/proc/cpuinfo", "model name"), "cores": os.cpu_count(),
        "memory": _first("/proc/meminfo", "MemTotal"), "kernel": platform.release(),
        "load_before": os.getloadavg()[0], "commit": commit.stdout.strip() or "unknown",
    }


def cpu_seconds(pid):
    """(user, system) seconds that the process and its threads have used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) / TICKS, int(fields[12]) / TICKS


def _status(pid, key):
    return int(_first(f"/proc/{pid}/status", key).split()[0]) * 1024


def resident_bytes(pid):
    return _status(pid, "VmRSS")


def peak_resident_bytes(pid):
    return _status(pid, "VmHWM")


def reset_peak(pid):
    """Peak resident memory counts from now; False where the kernel doesn't let us."""
    try:
        pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")
        return True
    except OSError:
        return False


def disk_bytes(pid):
    """(read, written) bytes that the process made the block layer move."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/io").read_text().splitlines()
        table = dict(line.split(": ") for line in lines)
        return int(table["read_bytes"]), int(table["write_bytes"])
    except (OSError, KeyError):
        return 0, 0


def drop_page_cache(folder):
    """Drops what the page cache holds of the files below `folder`. Returns how."""
    os.sync()
    try:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("1")
        return "drop_caches"
    except OSError:
        pass
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file():
            try:
                handle = os.open(path, os.O_RDONLY)
            except OSError:
                continue
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)
    return "posix_fadvise"
