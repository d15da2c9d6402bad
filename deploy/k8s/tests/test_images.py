"""The images: made by the scripts in image/, looked at as OCI layouts, and started from their file systems."""
import contextlib
import hashlib
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import platform
import random
import re
import shutil
import struct
import subprocess
import tempfile
import tomllib
import unittest

from layouts import built, manifests, unpack
from manifests import BACKENDS, K8S, LARGE, OVERLAYS, SERVICES, containers, deployments, guide, overlay, render, service_container, source, workloads
from postgres import Postgres
from started import Started, free_port

IMAGES = [*SERVICES, "operator"]
LINUX = platform.system() == "Linux"
# Layouts need buildah and file systems a Linux; manifests need neither.
on_linux = unittest.skipUnless(LINUX, "images are built on Linux")


def script(name):
    loader = importlib.machinery.SourceFileLoader(name, str(K8S / "image" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


def tiny_arm_program():
    """A program for ARM that needs no library: header, one segment, `exit(0)`."""
    code = struct.pack("<3I", 0xD2800000, 0xD2800BA8, 0xD4000001)
    start = 0x400000 + 64 + 56
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, start, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 120 + len(code), 120 + len(code), 0x1000)
    return header + segment + code


class Layouts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="portico-image-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.arch = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
        own, arm = cls.folder / "own", cls.folder / "arm"
        for folder in [own, arm]:
            folder.mkdir()
        shutil.copy("/bin/true", own / "portico-tickets")
        (arm / "portico-tickets").write_bytes(tiny_arm_program())
        cls.programs = {cls.arch: own, **({"arm64": arm} if cls.arch == "amd64" else {})}
        cls.out = cls.folder / "out"
        cls.build(cls.out)

    @classmethod
    def build(cls, out, expect=0):
        given = [word for arch, folder in cls.programs.items() for word in ("--programs", f"{arch}={folder}")]
        order = [str(K8S / "image/build"), *given, "--source", "https://git.example/portico", "--out", str(out), "tickets"]
        done = subprocess.run(order, capture_output=True, text=True)
        assert done.returncode == expect, done.stderr
        return done

    def blob(self, digest):
        path = self.out / "portico-tickets/blobs" / digest.replace(":", "/")
        self.assertEqual(hashlib.sha256(path.read_bytes()).hexdigest(), digest.removeprefix("sha256:"))
        return json.loads(path.read_text())

    def index(self):
        (entry,) = json.loads((self.out / "portico-tickets/index.json").read_text())["manifests"]
        return entry["digest"], self.blob(entry["digest"])

    @on_linux
    def test_an_image_is_one_program_for_each_architecture_with_its_labels(self):
        """K04: small, without a shell, not root."""
        digest, index = self.index()
        self.assertEqual(json.loads((self.out / "images.json").read_text()), {"tickets": digest})
        self.assertEqual({one["platform"]["architecture"] for one in index["manifests"]}, set(self.programs))
        for one in index["manifests"]:
            manifest = self.blob(one["digest"])
            self.assertLess(sum(layer["size"] for layer in manifest["layers"]), 40_000_000)
            image = self.blob(manifest["config"]["digest"])
            self.assertEqual((image["os"], image["config"]["User"], image["config"]["Entrypoint"]), ("linux", "10001:0", ["/portico"]))
            labels = image["config"]["Labels"]
            self.assertEqual(labels["org.opencontainers.image.source"], "https://git.example/portico")
            self.assertRegex(labels["org.opencontainers.image.revision"], r"^[0-9a-f]{40}$")
            self.assertEqual(labels["org.opencontainers.image.licenses"], "Apache-2.0")
            self.assertEqual(labels["org.opencontainers.image.title"], "portico-tickets")

    @on_linux
    def test_the_file_system_has_what_the_program_names_and_no_more(self):
        """K04."""
        root = self.folder / "root"
        script("rootfs").make(pathlib.Path("/bin/true"), root)
        files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
        libraries = {one for one in files if ".so" in one}
        self.assertEqual(files - libraries, {"portico", "etc/passwd", "etc/group", "etc/nsswitch.conf", "etc/ssl/certs/ca-certificates.crt"})
        self.assertEqual(len(libraries), 2, "the C library and its loader")

    @on_linux
    def test_the_same_programs_make_the_same_image(self):
        """K05."""
        again = self.folder / "again"
        self.build(again)
        self.assertEqual((again / "images.json").read_text(), (self.out / "images.json").read_text())

    @on_linux
    def test_an_image_says_what_is_in_it_and_where_it_comes_from(self):
        """K05."""
        digest, _ = self.index()
        sbom = json.loads((self.out / f"portico-tickets-{self.arch}.cdx.json").read_text())
        self.assertEqual(sbom["bomFormat"], "CycloneDX")
        names = {one["name"] for one in sbom["components"]}
        self.assertTrue({"/portico", "tokio", "sqlx", "portico-chassis"} <= names)
        self.assertNotIn("tantivy", names, "another service's")
        origin = json.loads((self.out / "portico-tickets.provenance.json").read_text())
        self.assertEqual("sha256:" + origin["subject"][0]["digest"]["sha256"], digest)
        for word in ["cosign sign", "cosign verify", "cosign attest", "--timestamp"]:
            self.assertIn(word, guide())

    @on_linux
    def test_what_is_too_large_or_for_another_machine_is_refused(self):
        """K04."""
        fat = self.folder / "fat"
        fat.mkdir()
        shutil.copy("/bin/true", fat / "portico-tickets")
        with (fat / "portico-tickets").open("ab") as file:
            # What no compression makes smaller.
            file.write(random.randbytes(41_000_000))
        for arch, folder, reason in [(self.arch, fat, "40 MB is the bound"), ("arm64" if self.arch == "amd64" else "amd64", fat, "is not for")]:
            order = [str(K8S / "image/build"), "--keep-symbols", "--programs", f"{arch}={folder}", "--out", str(self.folder / "no"), "tickets"]
            done = subprocess.run(order, capture_output=True, text=True)
            self.assertIn(reason, done.stderr)
            self.assertNotEqual(done.returncode, 0)


    @on_linux
    def test_a_program_of_a_test_build_is_refused(self):
        """F02, K04: nobody ships what a variable can end."""
        armed = self.folder / "armed"
        armed.mkdir()
        shutil.copy("/bin/true", armed / "portico-tickets")
        with (armed / "portico-tickets").open("ab") as file:
            file.write(re.search(r'env::var\("(\w+)"\)', source("services/chassis/src/failpoint.rs")).group(1).encode())
        order = [str(K8S / "image/build"), "--programs", f"{self.arch}={armed}", "--out", str(self.folder / "no"), "tickets"]
        done = subprocess.run(order, capture_output=True, text=True)
        self.assertIn("it has fail-points", done.stderr)
        self.assertNotEqual(done.returncode, 0)
        # What the guide tells to run builds without the tests, whose features they are.
        members = tomllib.loads(source("Cargo.toml"))["workspace"]
        self.assertEqual({one for one in members["members"] if not one.startswith("tests/")}, set(members["default-members"]))
        self.assertRegex(guide(), r"(?m)^   cargo build --release --locked$")


class Pinned(unittest.TestCase):
    def test_large_installations_run_digests(self):
        """K04: of every image, the operator's too."""
        for name in LARGE:
            for deployment in deployments(overlay(name)).values():
                self.assertRegex(service_container(deployment)["image"], r"^[\w./-]+/portico-\w+@sha256:[0-9a-f]{64}$")
        (job,) = workloads([one for one in render("operator") if one["kind"] == "Job"])
        self.assertRegex(containers(job)[0]["image"], r"/portico-operator@sha256:[0-9a-f]{64}$")

    def test_a_build_is_pinned_by_one_command(self):
        """K04."""
        with tempfile.TemporaryDirectory() as folder:
            digests = {image: f"sha256:{number:064x}" for number, image in enumerate(IMAGES, start=1)}
            (pathlib.Path(folder) / "images.json").write_text(json.dumps(digests))
            target = pathlib.Path(folder) / "kustomization.yaml"
            subprocess.run([str(K8S / "image/pin"), "--registry", "r.example/p/", "--to", str(target), f"{folder}/images.json"], check=True)
            text = target.read_text()
            for image, digest in digests.items():
                self.assertIn(f"  - name: portico-{image}\n    newName: r.example/p/portico-{image}\n    digest: {digest}\n", text)
            current = (K8S / "components/images/kustomization.yaml").read_text()
            self.assertEqual(re.findall("name: (.*)", text), re.findall("name: (.*)", current), "the same images as now")

    def test_an_air_gapped_site_has_one_list_of_images(self):
        """K33: the guide's list is what the overlays, the broker's chart and the databases run."""
        listed = set(re.findall(r"^\| `([\w./:-]+)` \|", guide().split("## Images for an air-gapped site")[1].split("\n## ")[0], re.M))
        run = {f"portico-{image}" for image in IMAGES}
        for name in OVERLAYS:
            for workload in workloads(overlay(name)):
                run |= {one["image"] for one in containers(workload) if "/portico-" not in one["image"] and not one["image"].startswith("portico-")}
            run |= {one["spec"]["imageName"] for one in overlay(name) if one["kind"] == "Cluster"}
        self.assertTrue(run <= listed, run - listed)


@unittest.skipUnless(LINUX and os.geteuid() == 0 and os.environ.get("PORTICO_PROGRAMS"), "needs built programs, and root to mount")
class Starts(unittest.TestCase):
    """Each program from its image's file system: the root cannot be written, the user is any, IPv6 alone."""

    def test_the_images_of_the_real_programs_are_small_and_hold_nothing_else(self):
        """K04: of all seven, as a node fetches them."""
        for image in IMAGES:
            ((manifest, config),) = manifests(built() / f"portico-{image}")
            self.assertLess(sum(layer["size"] for layer in manifest["layers"]), 40_000_000)
            self.assertEqual((config["config"]["User"], config["config"]["Entrypoint"]), ("10001:0", ["/portico"]))
            with tempfile.TemporaryDirectory() as folder:
                root = pathlib.Path(folder) / "root"
                unpack(image, root)
                programs = {str(one.relative_to(root)) for one in root.rglob("*") if one.is_file() and one.stat().st_mode & 0o111}
            self.assertEqual({one for one in programs if ".so" not in one}, {"portico"}, "one program and no shell")
            self.assertLessEqual(len(programs), 6)

    def test_every_service_starts_as_any_user_on_a_root_that_cannot_be_written(self):
        """K04, K35, K39."""
        for service in SERVICES:
            with self.subTest(service=service), Started(service, uid=random.randrange(1_000_000_000, 2_000_000_000)) as process:
                process.wait_until_it_listens() if service == "gateway" else process.wait_for_line("waiting for the database")
                self.assertEqual(process.stop(), 0, process.output())

    def test_a_backend_serves_on_ipv6_alone_and_is_not_ready_while_its_database_is_away(self):
        """K06, K35, K39: as the node's probes see it. It is never ended for what is not its fault, and ready again by itself."""
        with Postgres(free_port()) as database, contextlib.ExitStack() as running:
            given = {"uid": random.randrange(1_000_000_000, 2_000_000_000), "database": database.port}
            given["made"] = pathlib.Path(running.enter_context(tempfile.TemporaryDirectory()))
            # The others fetch the portals' settings from identity before they are ready.
            identity = running.enter_context(Started("identity", **given))
            others = [running.enter_context(Started(one, identity=identity.grpc, **given)) for one in BACKENDS if one != "identity"]
            processes = [identity, *others]
            for process in processes:
                process.wait_until_ready(True)
            database.stop()
            for process in processes:
                process.wait_until_ready(False)
                self.assertEqual(process.get("/healthz"), 200)
            database.start()
            for process in processes:
                process.wait_until_ready(True)
                self.assertEqual(process.stop(), 0, process.output())

    def test_the_gateway_is_alive_and_not_ready_without_the_others(self):
        """K06: it is not started again for what is not its fault."""
        with Started("gateway", uid=random.randrange(10_001, 60_000)) as process:
            process.wait_until_it_listens()
            self.assertEqual(process.get("/healthz"), 200)
            self.assertEqual(process.get("/readyz"), 503)
            self.assertEqual(process.get("/metrics"), 200)
            self.assertEqual(process.get("/healthz"), 200)

    def test_the_operators_command_starts_too(self):
        """K04, K35."""
        with Started("operator", uid=random.randrange(1_000_000_000, 2_000_000_000), arguments=["--help"]) as process:
            self.assertEqual(process.ended(), 0, process.output())
            self.assertIn("inboxes", process.output())
