"""redis-py's own test suite: fetched from PyPI with pip, checked, unpacked into .build, never committed.

5.2.1 is the newest of 5.x whose tests need nothing but pytest: 5.3 adds logging in through Microsoft Entra ID, and all
files of its suite import Azure's libraries for that. The tests of commands are the same but for one number: the lag
of a group that claims to have read more than there is, where 5.2.1 wants 7.2's and 5.3 that of later servers.
"""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

VERSION = "5.2.1"
SHA256 = "16f2e22dff21d5125e8481515e386711a34cbec50f0e44413dd7d9c060a54e0f"

# The files that ask a server, each in its synchronous and its asyncio form. Not here: clusters, sentinels, modules,
# scripts, functions and TLS, which Firn has not got; what tests the client alone (connect, helpers, utils, backoff);
# and cwe_404, which is about the client and takes a fixed port.
FILES = [f"tests/test_{name}.py" for name in (
    "commands", "hash", "pubsub", "pipeline", "lock", "monitor", "cache", "connection", "connection_pool",
    "credentials", "encoding", "multiprocessing", "retry", "command_parser")]
ASYNC_FILES = [f"tests/test_asyncio/test_{name}.py" for name in (
    "commands", "hash", "pubsub", "pipeline", "lock", "monitor", "connection", "connection_pool", "credentials",
    "encoding", "retry")]
MARKS = "not onlycluster and not redismod and not ssl and not cp_integration and not replica"

CONFIGURATION = """[pytest]
asyncio_mode = auto
cache_dir = ../pytest-cache
timeout = 60
markers =
    redismod: modules
    pipeline: pipelines
    onlycluster: clusters only
    onlynoncluster: single nodes only
    ssl: TLS
    replica: replicas
    experimental: experimental
    cp_integration: credential providers
"""


class SuiteError(Exception):
    """The suite could not be fetched; the text says why."""


def _run(what, command, **settings):
    done = subprocess.run(command, capture_output=True, text=True, **settings)
    if done.returncode != 0:
        raise SuiteError(f"{what} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")


def _environment(root, packages):
    """A virtual environment with exactly the packages of the list; made anew when the list has changed."""
    wanted, folder = packages.read_text(), root / "environment"
    stamp, python = folder / "packages.txt", folder / "bin/python"
    if not stamp.exists() or stamp.read_text() != wanted or not python.exists():
        print(f"making an environment for the suite in {folder}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _run("python3 -m venv (Debian package python3-venv)", [sys.executable, "-m", "venv", str(folder)])
        _run("pip install", [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps",
                             "--require-hashes", "-r", str(packages)])
        stamp.write_text(wanted)
    return python


def _fetch(python, root, archive):
    print(f"fetching redis-py {VERSION}'s source package into {root}", flush=True)
    pin = root / "source.txt"
    pin.write_text(f"redis=={VERSION} --hash=sha256:{SHA256}\n")
    _run("pip download", [str(python), "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
                          "--no-binary", "redis", "--no-build-isolation", "--require-hashes", "-d", str(root),
                          "-r", str(pin)])
    if not archive.exists():
        raise SuiteError(f"pip left no {archive.name}")


def suite(cache, packages):
    """(python, tree): the interpreter with the suite's packages and the unpacked source, fetched on first use."""
    root = pathlib.Path(cache).resolve()
    root.mkdir(parents=True, exist_ok=True)
    python = _environment(root, pathlib.Path(packages))
    archive, tree = root / f"redis-{VERSION}.tar.gz", root / f"redis-{VERSION}"
    if not archive.exists():
        _fetch(python, root, archive)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SHA256:
        raise SuiteError(f"{archive} has the sha256 {found}, wanted {SHA256}: remove it")
    if not tree.exists():
        # Under another name until it is whole: what an interrupted run left is no copy.
        part = root / "unpacking"
        shutil.rmtree(part, ignore_errors=True)
        with tarfile.open(archive) as tar:
            tar.extractall(part, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        (part / tree.name).rename(tree)
    (tree / "pytest.ini").write_text(CONFIGURATION)
    if not (tree / "tests/test_commands.py").exists():
        raise SuiteError(f"{archive} holds no tests")
    return python, tree


def command(python, port, protocol, files):
    """pytest's command line; modules and TLS are looked for where nobody listens."""
    return [str(python), "-m", "pytest", "-c", "pytest.ini", "--rootdir", ".", "-p", "clientsuites.plugin",
            "-q", "--tb=native", "-m", MARKS, "--redis-url", f"redis://127.0.0.1:{port}/0",
            "--redis-mod-url", "redis://127.0.0.1:1", "--protocol", str(protocol), *files]


def environment(port, outcomes, skipped):
    """The environment of a pytest run whose plugin writes to `outcomes` and leaves out the tests in `skipped`."""
    tools = str(pathlib.Path(__file__).resolve().parent.parent)
    # The suite's own redis package, from the working directory, before any that is installed.
    return {**os.environ, "PYTHONPATH": os.pathsep.join([".", tools]), "PYTHONDONTWRITEBYTECODE": "1",
            "FIRN_PORT": str(port), "FIRN_OUTCOMES": str(outcomes), "FIRN_SKIPPED": str(skipped)}
