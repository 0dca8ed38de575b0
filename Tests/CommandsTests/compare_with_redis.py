#!/usr/bin/env python3
"""Plays transcripts to a real Redis and shows where its replies differ from those that stand there.

    compare_with_redis.py PORT Transcripts/strings-*.txt
    compare_with_redis.py PORT --info get set ...    lines for Transcripts/command-info.txt
    compare_with_redis.py PORT --events OURS Transcripts/*.txt
                                                     plays transcripts to the server at port OURS too, and shows where
                                                     the keyspace notifications of the two differ

The server's data is flushed. `@ clock +ms` sleeps; `@ limit` is left out with what follows it, since Redis has no
such limit below 1 MiB. Lines `* event key` (after `@ events 1`) are the notifications of the request. Times to live
may differ by a few milliseconds: pttl replies are compared with a tolerance of 50 ms.
"""
import socket
import sys
import time


class Connection:
    def __init__(self, port):
        self.file = socket.create_connection(("127.0.0.1", port)).makefile("rwb")

    def send(self, words):
        self.file.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        self.file.flush()
        return self.reply()

    def reply(self):
        line = self.file.readline()[:-2].decode("latin-1")
        kind, count = line[0], line[1:]
        if kind in "$=":
            if count == "-1":
                return [line]
            data = self.file.read(int(count) + 2)[:-2]
            return [quoted(data)] if kind == "$" else ["=" + data[:4].decode() + quoted(data[4:])]
        if kind in "*~>":
            return [line] + sum((self.reply() for _ in range(max(0, int(count)))), [])
        if kind in "%|":
            extra = 1 if kind == "|" else 0
            return [line] + sum((self.reply() for _ in range(2 * int(count) + extra)), [])
        return [line]


def quoted(data):
    names = {10: "\\n", 13: "\\r", 34: '\\"', 92: "\\\\"}
    text = (names.get(b) or (chr(b) if 32 <= b < 127 else "\\x%02x" % b) for b in data)
    return '"' + "".join(text) + '"'


def words(line):
    parts, at = [], 0
    while at < len(line):
        if line[at] == " ":
            at += 1
        elif line[at] in "\"'":
            quote, at, word = line[at], at + 1, b""
            while line[at] != quote:
                if quote == '"' and line[at] == "\\":
                    at += 1
                    if line[at] == "x":
                        word += bytes([int(line[at + 1:at + 3], 16)])
                        at += 2
                    else:
                        word += {"n": b"\n", "r": b"\r", "t": b"\t"}.get(line[at], line[at].encode())
                else:
                    word += line[at].encode()
                at += 1
            parts.append(word)
            at += 1
        else:
            end = (line + " ").index(" ", at)
            parts.append(line[at:end].encode())
            at = end
    return parts


class Listener:
    """Hears keyspace notifications of all classes."""

    def __init__(self, port):
        self.port, self.talker, self.ears = port, Connection(port), Connection(port)
        self.talker.send([b"CONFIG", b"SET", b"notify-keyspace-events", b"KEAmn"])
        self.ears.send([b"PSUBSCRIBE", b"*"])

    def heard(self):
        """What came since the last call, as (channel, message) pairs."""
        self.talker.send([b"PUBLISH", b"end", b"of it"])
        found = []
        while True:
            channel, message = self.ears.reply()[3:5]
            if channel == '"end"':
                return found
            found.append((channel[1:-1], message[1:-1]))

    def events(self):
        """The same as `event key` or, in another database than 0, `event key database`."""
        found = self.heard()
        lines = []
        for (where, event), (which, key) in zip(found[::2], found[1::2]):
            database = where[len("__keyspace@"):where.index("__:")]
            assert where.split("__:", 1)[1] == key and which.split("__:", 1)[1] == event, found
            lines.append(f"{event} {key}" + ("" if database == "0" else f" {database}"))
        return lines

    def close(self):
        self.talker.send([b"CONFIG", b"SET", b"notify-keyspace-events", b""])


def same(request, ours, theirs):
    if ours == theirs:
        return True
    if request[0].lower() != b"pttl" or ours[0] != ":" or theirs[0] != ":":
        return False
    return 0 <= int(ours[1:]) - int(theirs[1:]) <= 50


def play_events(port, ours, path):
    connections = [Connection(port), Connection(ours)]
    for connection in connections:
        connection.send([b"FLUSHALL"])
    listeners = [Listener(port), Listener(ours)]
    compared, differences = 0, 0
    for line in open(path).read().split("\n"):
        if line.startswith("@ limit"):
            break
        if line.startswith("@ clock"):
            time.sleep(int(line.split()[2]) / 1000)
        for connection in connections:
            if line.startswith("@ resp"):
                connection.send([b"HELLO", line.split()[2].encode()])
            if line.startswith("@ database"):
                connection.send([b"SELECT", line.split()[2].encode()])
            if line.startswith("> "):
                connection.send(words(line[2:]))
        if line.startswith("> "):
            theirs, mine = (listener.heard() for listener in listeners)
            compared += 1
            if theirs != mine:
                differences += 1
                print(f"{path}: {line}\n  ours  {mine}\n  redis {theirs}")
    for listener in listeners:
        listener.close()
    print(f"{path}: the events of {compared} requests compared, {differences} differ")


def play(port, path):
    redis = Connection(port)
    redis.send([b"FLUSHALL"])
    listener = None
    lines, at, compared, differences = open(path).read().split("\n"), 0, 0, 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.startswith("@ limit"):
            break
        if line.startswith("@ clock"):
            time.sleep(int(line.split()[2]) / 1000)
        if line.startswith("@ resp"):
            redis.send([b"HELLO", line.split()[2].encode()])
        if line.startswith("@ database"):
            redis.send([b"SELECT", line.split()[2].encode()])
        if line.startswith("@ events"):
            listener = Listener(port)
        if not line.startswith("> "):
            continue
        ours, events = [], []
        while at < len(lines) and lines[at].startswith("< "):
            ours.append(lines[at][2:])
            at += 1
        while at < len(lines) and lines[at].startswith("* "):
            events.append(lines[at][2:])
            at += 1
        request = words(line[2:])
        theirs = " ".join(redis.send(request))
        compared += 1
        if not same(request, " ".join(ours), theirs):
            differences += 1
            print(f"{path}: {line}\n  ours  {' '.join(ours)}\n  redis {theirs}")
        heard = listener.events() if listener else []
        if listener and heard != events:
            differences += 1
            print(f"{path}: {line}\n  our events   {events}\n  redis' events {heard}")
    if listener:
        listener.close()
    print(f"{path}: {compared} replies compared, {differences} differ")


def info(port, names):
    """One line a command: name, arity, flags, categories, tips, key specifications."""
    redis = Connection(port)
    redis.send([b"HELLO", b"3"])
    for name in names:
        print(" ".join(redis.send([b"COMMAND", b"INFO", name.encode()])[1:]))


if __name__ == "__main__":
    if sys.argv[2] == "--info":
        info(int(sys.argv[1]), sys.argv[3:])
    elif sys.argv[2] == "--events":
        for path in sys.argv[4:]:
            play_events(int(sys.argv[1]), int(sys.argv[3]), path)
    else:
        for path in sys.argv[2:]:
            play(int(sys.argv[1]), path)
