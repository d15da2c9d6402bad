"""A nats-server with the users of components/nats, and as much of a client as the tests need."""
import json
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import time

import yaml

from manifests import K8S

PATIENCE = 10


def values():
    return yaml.safe_load((K8S / "components/nats/values.yaml").read_text())


def configuration(store, certificates=None):
    """What the chart writes of the values: `<< TEXT >>` stands there without quotes, for a variable or a size. `certificates` is the Secret of
    TLS as a folder."""
    own = {"server_name": "test", "listen": "127.0.0.1:-1", "jetstream": {"store_dir": str(store), **values()["config"]["jetstream"]["merge"]}}
    if certificates and values()["config"]["nats"]["tls"]["enabled"]:
        own["tls"] = {"cert_file": str(certificates / "tls.crt"), "key_file": str(certificates / "tls.key")}
    text = json.dumps({**values()["config"]["merge"], **own})
    text = re.sub(r'"<< \$(\w+)_PASSWORD >>"', lambda found: f'"{password(found.group(1))}"', text)
    return re.sub(r'"<< (\w+) >>"', r"\1", text)


def password(user):
    return f"p-{user.lower()}"


class Broker:
    """Runs while the `with` block does."""

    def __init__(self, program, certificates=None):
        self.program, self.certificates = program, certificates

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="portico-nats-")
        folder = pathlib.Path(self.folder.name)
        (folder / "nats.conf").write_text(configuration(folder / "store", self.certificates))
        order = [self.program, "-c", str(folder / "nats.conf"), "--ports_file_dir", str(folder)]
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(order, stdout=self.log, stderr=subprocess.STDOUT)
        self.port = self.listening(folder)
        return self

    def listening(self, folder):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            for file in folder.glob("*.ports"):
                # Written in two steps: what can't be read yet is read again.
                try:
                    return int(json.loads(file.read_text())["nats"][0].rsplit(":", 1)[1])
                except (ValueError, KeyError, IndexError):
                    pass
            time.sleep(0.02)
        self.log.seek(0)
        said = self.log.read()
        self.__exit__()
        raise AssertionError(f"nats-server does not start: {said}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.log.close()
        self.folder.cleanup()

    def reload(self):
        """What the chart's reloader does when a file has changed."""
        self.process.send_signal(signal.SIGHUP)

    def client(self, user, secret=None, authority=None):
        """`authority` is the file of the one that is trusted; without it the client speaks plaintext."""
        return Client(self.port, user, secret or password(user), authority)


class Client:
    """One connection. Every call waits for the server's answer."""

    def __init__(self, port, user, secret, authority=None):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.greeting()
        if authority:
            self.socket = ssl.create_default_context(cafile=str(authority)).wrap_socket(self.socket, server_hostname="nats")
        self.lines = self.socket.makefile("rb")
        self.inbox = f"_INBOX_{user}.answer"
        options = {"user": user, "pass": secret, "verbose": False, "pedantic": False, "lang": "python", "version": "0"}
        options |= {"headers": True, "no_responders": True}
        self.send(f"CONNECT {json.dumps(options)}\r\n")
        self.refusals = self.settle()

    def greeting(self):
        """The server's first line is plaintext; what follows need not be."""
        while self.socket.recv(1) not in (b"\n", b""):
            pass

    def send(self, text):
        self.socket.sendall(text.encode())

    def settle(self):
        """What the server complains about before it answers a PING."""
        refused = []
        try:
            self.send("PING\r\n")
            while line := self.lines.readline().decode().strip():
                if line == "PONG":
                    return refused
                if line.startswith("-ERR"):
                    refused.append(line)
                elif line.startswith(("MSG", "HMSG")):
                    self.lines.read(int(line.split()[-1]) + 2)
        except ConnectionError:
            pass
        return [*refused, "the server hung up"]

    def may_publish(self, subject, body="{}"):
        self.send(f"PUB {subject} {len(body)}\r\n{body}\r\n")
        return not self.settle()

    def may_subscribe(self, subject):
        self.send(f"SUB {subject} 7\r\n")
        allowed = not self.settle()
        self.send("UNSUB 7\r\n")
        return allowed

    def ask(self, subject, body=None):
        """The answer to a request: (subject to acknowledge at, document or bytes)."""
        payload = json.dumps(body or {})
        self.send(f"SUB {self.inbox} 9\r\nUNSUB 9 1\r\nPUB {subject} {self.inbox} {len(payload)}\r\n{payload}\r\n")
        while line := self.lines.readline().decode().strip():
            words = line.split()
            if words[0] in ("MSG", "HMSG"):
                content = self.lines.read(int(words[-1]) + 2)[:-2]
                headers = int(words[-2]) if words[0] == "HMSG" else 0
                return words[3], content[headers:]
            if words[0] == "-ERR":
                raise PermissionError(line)
        raise ConnectionError("the server hung up")

    def close(self):
        self.lines.close()
        self.socket.close()
