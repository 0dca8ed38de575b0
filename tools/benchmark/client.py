"""A tiny RESP2 client for control commands; not for measuring."""
import socket


class ReplyError(Exception):
    """An error reply."""


class Client:
    def __init__(self, port, host="127.0.0.1", timeout=60.0):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.file = self.socket.makefile("rb")

    def call(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        return self._reply()

    def _reply(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            raise ReplyError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            if int(rest) < 0:
                return None
            data = self.file.read(int(rest) + 2)
            return data[:-2]
        if kind == b"*":
            return None if int(rest) < 0 else [self._reply() for _ in range(int(rest))]
        raise ReplyError(f"not RESP: {line[:40]!r}")

    def info(self):
        text = self.call("INFO", "everything").decode("utf-8", "replace")
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def close(self):
        self.file.close()
        self.socket.close()
