"""A PostgreSQL on ::1 with the roles and databases that `deploy/k8s/secrets --dev` makes."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from manifests import K8S

PATIENCE = 30
# PostgreSQL does not start as root.
NOBODY = 65534


class Postgres:
    """Runs while the `with` block does; may be stopped and started in between."""

    def __init__(self, port):
        self.port = port

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="portico-postgres-"))
        self.log = (self.folder / "log").open("w+")
        os.chown(self.folder, NOBODY, NOBODY)
        self.run("initdb", "--pgdata", str(self.folder / "data"), "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync")
        self.start()
        with tempfile.TemporaryDirectory() as made:
            subprocess.run([str(K8S / "secrets"), made, "--dev"], check=True, capture_output=True)
            self.run("psql", *self.at(), "--quiet", "--set=ON_ERROR_STOP=1", given=(pathlib.Path(made) / "dev/init.sql").read_text())
        return self

    def __exit__(self, *_):
        self.stop()
        self.log.close()
        shutil.rmtree(self.folder)

    def start(self):
        settings = ["-c", "listen_addresses=::1", "-c", f"unix_socket_directories={self.folder}", "-c", "fsync=off", "-c", "max_connections=200"]
        order = self.order("postgres", "-D", str(self.folder / "data"), "-p", str(self.port), *settings)
        self.process = subprocess.Popen(order, stdout=self.log, stderr=subprocess.STDOUT)
        end = time.monotonic() + PATIENCE
        while subprocess.run(self.order("pg_isready", *self.at()), capture_output=True).returncode:
            assert self.process.poll() is None and time.monotonic() < end, self.said()
            time.sleep(0.05)

    def stop(self):
        """At once, as if its machine had gone."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(PATIENCE)

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def at(self):
        return ["-h", "::1", "-p", str(self.port), "-U", "postgres"]

    def run(self, program, *arguments, given=None):
        done = subprocess.run(self.order(program, *arguments), input=given, capture_output=True, text=True)
        assert done.returncode == 0, f"{program}: {done.stderr}"

    def order(self, program, *arguments):
        here = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
        found = str(here[-1]) if here else shutil.which(program)
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", found, *arguments]
