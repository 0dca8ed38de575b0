"""Redis' source package, for its test suite: fetched with apt-get source, cached, never committed."""
import os
import pathlib
import re
import shutil
import subprocess

VERSION = "7.0.15"


class SourceError(Exception):
    """The test suite could not be fetched; the text says why."""


def _apt_sources():
    """deb-src twins of the machine's Debian deb lines, as (uri, suite) pairs; Debian's mirror where none is found."""
    form = "$(CREATED_BY)|$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    done = subprocess.run(["apt-get", "indextargets", "--format", form], capture_output=True, text=True)
    pairs = []
    for line in done.stdout.splitlines():
        created_by, origin, uri, suite, component = (line.split("|") + [""] * 5)[:5]
        if created_by == "Packages" and component == "main" and "debian" in uri and uri and suite:
            if (uri, suite) not in pairs:
                pairs.append((uri, suite))
    return pairs or [("http://deb.debian.org/debian", "bookworm")]


def _fetch(root):
    """apt-get source with lists and caches of its own below root: the machine's apt configuration isn't touched."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    lines = []
    for uri, suite in _apt_sources():
        names = [suite, "bookworm"] if suite == "stable" else [suite]
        lines.append(f"deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {uri} {names[-1]} main")
    (root / "sources.list").write_text("\n".join(lines) + "\n")
    options = ["-o", f"Dir::Etc::SourceList={root}/sources.list", "-o", "Dir::Etc::SourceParts=/dev/null",
               "-o", f"Dir::State::Lists={root}/lists", "-o", f"Dir::Cache={root}/cache",
               "-o", "APT::Sandbox::User=", "-q"]
    for command in (["update"], ["source", "redis"]):
        done = subprocess.run(["apt-get", *options, *command], cwd=root, capture_output=True, text=True)
        if done.returncode != 0:
            raise SourceError(f"apt-get {' '.join(command)} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")


def source_tree(cache):
    """The folder of the unpacked source, fetched on first use."""
    root = pathlib.Path(cache).resolve()
    tree = root / f"redis-{VERSION}"
    if not (tree / "runtest").exists():
        if not shutil.which("apt-get") or not shutil.which("dpkg-source"):
            raise SourceError(f"no apt-get or dpkg-source here: unpack Redis {VERSION}'s source at {tree} by hand")
        print(f"fetching Redis {VERSION}'s source package into {root}", flush=True)
        root.mkdir(parents=True, exist_ok=True)
        _fetch(root)
        found = sorted(path.name for path in root.glob("redis-*") if path.is_dir())
        if not (tree / "runtest").exists():
            raise SourceError(f"apt-get source left {found or 'nothing'}, wanted redis-{VERSION}")
    return tree


DENIED_TAG = "firn-missing"


def _deny_impossible_servers(folder):
    """Marks servers that the suite would start with `appendonly yes`, so that `--tags -firn-missing` leaves them out.

    A server that refuses its configuration ends at once, but the suite waits for it until its own time limit: one
    such block would cost the unit all tests behind it. To be taken out when the append-only file is there.
    """
    start = re.compile(r"^(\s*start_server \{)(.*\bappendonly \{?\"?yes.*)$", re.M)
    for path in sorted((folder / "tests" / "unit").rglob("*.tcl")):
        text = path.read_text(encoding="utf-8", errors="surrogateescape")

        def mark(match):
            rest = match[2]
            if re.search(r"tags \{", rest):
                return match[1] + re.sub(r"tags \{(\"?)", rf"tags {{\g<1>{DENIED_TAG} ", rest, count=1)
            return match[1] + f"tags {{{DENIED_TAG}}} " + rest

        changed = start.sub(mark, text)
        if changed != text:
            path.write_text(changed, encoding="utf-8", errors="surrogateescape")


def working_copy(tree, folder, command, server_arguments):
    """A copy of the suite whose src/redis-server is a wrapper around `command`; one per parallel worker."""
    folder = pathlib.Path(folder)
    if not (folder / "runtest").exists():
        # Under another name until it is whole: what an interrupted run left is no copy.
        part = folder.with_name(folder.name + ".part")
        for remains in (part, folder):
            shutil.rmtree(remains, ignore_errors=True)
        shutil.copytree(tree, part, ignore=shutil.ignore_patterns("deps", "debian", ".pc", "*.c", "modules"))
        _deny_impossible_servers(part)
        part.rename(folder)
    shutil.rmtree(folder / "tests" / "tmp", ignore_errors=True)
    (folder / "tests" / "tmp").mkdir()
    for name in ("redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb"):
        link, target = folder / "src" / name, shutil.which(name)
        if target is None:
            raise SourceError(f"{name} is not installed (Debian package redis-tools)")
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    wrapper = folder / "src" / "redis-server"
    wrapper.unlink(missing_ok=True)
    # exec: the suite looks for the process id that it started. It gives the configuration file first.
    wrapper.write_text(f"#!/bin/sh\nexec {command} \"$@\" {server_arguments}\n")
    wrapper.chmod(0o755)
    return folder
