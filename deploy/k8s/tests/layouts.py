"""The images of the programs under test (PORTICO_PROGRAMS), built once, as OCI layouts."""
import atexit
import functools
import json
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile

from manifests import K8S

ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[{"arm64": "aarch64"}.get(platform.machine(), platform.machine())]


@functools.cache
def built():
    """The folder with the layouts of all images."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="portico-images-test-"))
    atexit.register(shutil.rmtree, folder)
    # The checks' programs have the tests' fail-points.
    order = [str(K8S / "image/build"), "--programs", f"{ARCH}={os.environ['PORTICO_PROGRAMS']}", "--fail-points", "--out", str(folder)]
    done = subprocess.run(order, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def manifests(layout):
    """(manifest, configuration) of each architecture."""
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    for one in json.loads(blob(layout, entry["digest"]).read_text())["manifests"]:
        manifest = json.loads(blob(layout, one["digest"]).read_text())
        yield manifest, json.loads(blob(layout, manifest["config"]["digest"]).read_text())


def blob(layout, digest):
    return layout / "blobs" / digest.replace(":", "/")


def unpack(image, folder):
    """The file system that a node makes of an image: its layers, one over the other."""
    layout = built() / f"portico-{image}"
    ((manifest, _),) = manifests(layout)
    folder.mkdir()
    for layer in manifest["layers"]:
        subprocess.run(["tar", "-xf", str(blob(layout, layer["digest"])), "-C", str(folder), "--no-same-owner"], check=True)
