#!/usr/bin/env python3
"""Plays transcripts to a real Redis and shows where its replies differ from those that stand there.

    compare_with_redis.py PORT Transcripts/strings-*.txt
    compare_with_redis.py PORT --info get set ...    lines for Transcripts/command-info.txt

The server's data is flushed. `@ clock +ms` sleeps; `@ limit` is left out with what follows it, since Redis has no
such limit below 1 MiB. Times to live may differ by a few milliseconds: pttl replies are compared with a tolerance of
50 ms.
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


def same(request, ours, theirs):
    if ours == theirs:
        return True
    if request[0].lower() != b"pttl" or ours[0] != ":" or theirs[0] != ":":
        return False
    return 0 <= int(ours[1:]) - int(theirs[1:]) <= 50


def play(port, path):
    redis = Connection(port)
    redis.send([b"FLUSHALL"])
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
        if not line.startswith("> "):
            continue
        ours = []
        while at < len(lines) and lines[at].startswith("< "):
            ours.append(lines[at][2:])
            at += 1
        request = words(line[2:])
        theirs = " ".join(redis.send(request))
        compared += 1
        if not same(request, " ".join(ours), theirs):
            differences += 1
            print(f"{path}: {line}\n  ours  {' '.join(ours)}\n  redis {theirs}")
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
    else:
        for path in sys.argv[2:]:
            play(int(sys.argv[1]), path)
