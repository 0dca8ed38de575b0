"""Inside pytest: says how each test ended, leaves out those that may not run, and names the server's version.

FIRN_OUTCOMES is the file that takes a line of JSON for each test, FIRN_SKIPPED one with the names to leave out,
FIRN_PORT the server's port.
"""
import json
import os
import re
import socket

import pytest

# Firn says that it is 7.2, and has 7.4's expiry of hash fields too: the suite would leave those tests out.
VERSION = "7.4.0"

ended = {}

connect = socket.socket.connect


def connect_to_the_server(self, address):
    """Some tests name no server, and so mean port 6379: they get the one under test too."""
    if isinstance(address, tuple) and address[1] == 6379:
        address = (address[0], int(os.environ["FIRN_PORT"]), *address[2:])
    return connect(self, address)


socket.socket.connect = connect_to_the_server


def name_of(nodeid):
    """`test_commands.py::Class::test`: the suite runs some tests several times, with parameters in brackets."""
    return re.sub(r"\[.*", "", nodeid, flags=re.S).removeprefix("tests/")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session):
    # Behind the suite's own hook, which asks the server; before the files are read, whose decorators ask this.
    session.config.REDIS_INFO["version"] = VERSION
    # The client itself refuses to cache what an older server than this gives it.
    from redis.connection import CacheProxyConnection
    CacheProxyConnection.MIN_ALLOWED_VERSION = "7.2.0"


def pytest_collection_modifyitems(config, items):
    with open(os.environ["FIRN_SKIPPED"]) as file:
        skipped = set(file.read().split())
    left_out = [item for item in items if name_of(item.nodeid) in skipped]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if name_of(item.nodeid) not in skipped]


def pytest_runtest_logreport(report):
    """Each test reports its set-up, its call and its end; it has failed if one of them has."""
    outcome, text = ended.get(report.nodeid, ("", ""))
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        outcome, text = "failed", text or str(crash.message if crash else report.longrepr)
    elif report.skipped and outcome != "failed":
        # Skipped by a mark, or expected to fail by one; the latter may give no reason.
        outcome, text = "skipped", report.longrepr[-1] if isinstance(report.longrepr, tuple) else "expected to fail"
    elif report.when == "call" and not outcome:
        outcome = "passed"
    ended[report.nodeid] = (outcome, text)
    if report.when == "teardown":
        with open(os.environ["FIRN_OUTCOMES"], "a") as file:
            print(json.dumps([name_of(report.nodeid), report.nodeid, *ended[report.nodeid]]), file=file)
