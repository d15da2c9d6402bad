"""A program started from its image, unpacked, as a cluster would start it: read-only root, some user id, files of secrets, no shell."""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

from layouts import unpack
from manifests import BACKENDS, K8S

PATIENCE = 30
OPERATOR = "operator"
# A frame of gRPC with `HealthCheckResponse { status: SERVING }`.
SERVING = bytes([0, 0, 0, 0, 2, 8, 1])
# Runs as root in a mount namespace of its own: what it mounts ends with it. The last line is the program, as the user it was told.
START = """
set -e
mount --bind "$ROOT" "$ROOT"
mount --bind "$SECRETS" "$ROOT/etc/portico"
mount -o remount,bind,ro "$ROOT/etc/portico"
mount --bind "$SCRATCH" "$ROOT/scratch"
mount --rbind /dev "$ROOT/dev"
mount -t proc proc "$ROOT/proc"
mount -o remount,bind,ro "$ROOT"
exec chroot --userspec="$USER_ID:0" "$ROOT" /portico "$@"
"""


class Started:
    """Runs while the `with` block does."""

    def __init__(self, service, uid, arguments=(), database=9, identity=9, made=None):
        """`database` and `identity` are ports on ::1, and nobody listens on 9; `made` is a folder of deploy/k8s/secrets that several share."""
        self.service, self.uid, self.arguments = service, uid, arguments
        self.database, self.identity, self.made = database, identity, made
        self.lines, self.changed = [], threading.Condition()

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="portico-start-"))
        # The folders above are anybody's to enter.
        self.folder.chmod(0o755)
        root, scratch = self.folder / "root", self.folder / "scratch"
        unpack(self.service, root)
        for mountpoint in ["etc/portico", "scratch", "dev", "proc"]:
            (root / mountpoint).mkdir(parents=True)
        scratch.mkdir()
        scratch.chmod(0o777)
        # Environments of the test's own would be the program's.
        env = {"PATH": os.environ["PATH"], "ROOT": str(root), "SECRETS": str(self.secrets()), "SCRATCH": str(scratch), "USER_ID": str(self.uid)}
        order = ["unshare", "--mount", "--propagation", "private", "sh", "-c", START, "sh", *self.arguments]
        self.process = subprocess.Popen(order, env={**env, **self.settings()}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        shutil.rmtree(self.folder)

    def secrets(self):
        """/etc/portico as the projected volume has it: group 0 may read."""
        made = self.made or self.folder / "made"
        subprocess.run([str(K8S / "secrets"), str(made), "--dev"], check=True, capture_output=True)
        target = self.folder / "etc"
        (target / "keys/public").mkdir(parents=True)
        if self.service != OPERATOR:
            for name in ["portico.toml", "secret"]:
                shutil.copy(made / self.service / name, target / name)
            shutil.copy(made / self.service / "service.key", target / f"keys/{self.service}.key")
        shutil.copy(made / "operator/operator-token", target / "operator-token")
        for file in (made / "public").iterdir():
            shutil.copy(file, target / "keys/public" / file.name)
        for path in [target, *target.rglob("*")]:
            path.chmod(0o750 if path.is_dir() else 0o440)
        return target

    def settings(self):
        """Servers that are not there, but for the database when one is given, and listeners on ::1 alone."""
        if self.service == OPERATOR:
            return {"PORTICO_CHECKOUT": "/scratch"}
        self.http, self.grpc, self.operations = free_port(), free_port(), free_port()
        peers = {f"PEERS__{one.upper()}": "http://[::1]:9" for one in BACKENDS if one != self.service}
        if self.service != "identity":
            peers["PEERS__IDENTITY"] = f"http://[::1]:{self.identity}"
        settings = {
            "CONFIG": "/etc/portico/portico.toml",
            "KEYS_DIR": "/etc/portico/keys",
            "SECRET_FILE": "/etc/portico/secret",
            "OPERATOR_TOKEN_FILE": "/etc/portico/operator-token",
            "OPERATIONS_LISTEN": f"[::1]:{self.operations}",
            "BLOBS": "file:///scratch/blobs",
            "NATS_URL": "nats://[::1]:9",
            "DRAIN_SECONDS": "0",
            **peers,
        }
        if self.service == "gateway":
            settings["HTTP_LISTEN"] = f"[::1]:{self.http}"
        else:
            settings |= {"GRPC_LISTEN": f"[::1]:{self.grpc}", "DATABASE_URL": f"postgres://{self.service}:none@[::1]:{self.database}/{self.service}"}
        if self.service == "knowledge":
            settings["INDEX_DIR"] = "/scratch/index"
        if self.service == "notifier":
            settings["SMTP_URL"] = "smtp://[::1]:9"
        return {f"PORTICO_{key}": value for key, value in settings.items()}

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def output(self):
        return "".join(self.lines)

    def wait_for_line(self, text):
        """Waits until the program says something."""
        with self.changed:
            heard = self.changed.wait_for(lambda: text in self.output() or self.process.poll() is not None, PATIENCE)
        assert heard and text in self.output(), f"{self.service} did not say {text!r}: {self.output()}"

    def wait_until_it_listens(self):
        """The operations port opens last."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("::1", self.operations), 1):
                return
            time.sleep(0.02)
        raise AssertionError(f"{self.service} does not listen: {self.output()}")

    def get(self, path):
        """The status of the operations port's answer."""
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://[::1]:{self.operations}{path}", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def wait_until_ready(self, wanted):
        """Until the operations port and, of a backend, the health service of gRPC both say so, or both deny it; the process lives on."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError):
                if (self.get("/readyz") == 200, self.health() == SERVING) == (wanted, wanted):
                    return
            time.sleep(0.05)
        raise AssertionError(f"{self.service} is not {'' if wanted else 'un'}ready: {self.output()}")

    def health(self):
        """What grpc.health.v1 answers for the whole server, as the kubelet's probe asks it: the message's bytes, none when it refuses."""
        request = self.folder / "request"
        request.write_bytes(bytes(5))
        order = ["curl", "--silent", "--max-time", "5", "--noproxy", "*", "--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H", "te: trailers"]
        url = f"http://[::1]:{self.grpc}/grpc.health.v1.Health/Check"
        return subprocess.run([*order, "--data-binary", f"@{request}", url], capture_output=True).stdout

    def stop(self):
        """Tells it to end; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self):
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return code


def free_port():
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        return server.getsockname()[1]
