"""External mode: one server that the suite is pointed at, instead of servers that it starts."""
import socket
import subprocess
import tempfile
import time


class NotServing(Exception):
    """The server ended or never listened."""


class Server:
    """The server under test on a loopback port, ended when the block is left."""

    def __init__(self, wrapper, port, logs):
        self.wrapper, self.port, self.logs = str(wrapper.resolve()), port, logs

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="firn-external-")
        self.logs.mkdir(parents=True, exist_ok=True)
        self.log = open(self.logs / f"external-{self.port}.log", "wb")
        config = f"{self.folder.name}/server.conf"
        with open(config, "w") as file:
            file.write(f"port {self.port}\nbind 127.0.0.1\nsave \"\"\ndir {self.folder.name}\n"
                       "enable-debug-command yes\nenable-protected-configs yes\n")
        self.process = subprocess.Popen([self.wrapper, config], stdout=self.log, stderr=self.log)
        for _ in range(100):
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.1)
        self.__exit__()
        with open(self.log.name, errors="replace") as log:
            raise NotServing(f"the server does not listen on port {self.port}; its log ends:\n{log.read()[-800:]}")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.folder.cleanup()

    def suite_arguments(self):
        return ["--host", "127.0.0.1", "--port", str(self.port)]
