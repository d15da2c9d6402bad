"""What an image is made of and where it comes from: CycloneDX and SLSA documents for those who must know."""
import hashlib
import json
import pathlib
import subprocess
import tomllib


def version(checkout):
    return tomllib.loads((checkout / "Cargo.toml").read_text())["workspace"]["package"]["version"]


def sbom(checkout, image, folder):
    """The image's files, the packages that its libraries come from, and every crate that Cargo.lock could put into the program."""
    crate = "portico" if image == "operator" else f"portico-{image}"
    components = [*files(folder), *packages(folder), *crates(checkout, crate)]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": f"portico-{image}", "version": version(checkout)}},
        "components": components,
    }
    return json.dumps(document, indent=2) + "\n"


def crates(checkout, root):
    """The closure of a crate in Cargo.lock. It has what tests need too: the list may be too long, never too short."""
    locked = tomllib.loads((checkout / "Cargo.lock").read_text())["package"]
    by_name = {}
    for one in locked:
        by_name.setdefault(one["name"], []).append(one)
    seen, waiting = {}, [root]
    while waiting:
        name, *exact = waiting.pop().split(" ")
        for one in by_name.get(name, []):
            key = (one["name"], one["version"])
            if key in seen or (exact and one["version"] != exact[0]):
                continue
            seen[key] = one
            waiting += one.get("dependencies", [])
    return [crate(one) for _, one in sorted(seen.items())]


def crate(one):
    found = {"type": "library", "name": one["name"], "version": one["version"], "purl": f"pkg:cargo/{one['name']}@{one['version']}"}
    if "checksum" in one:
        found["hashes"] = [{"alg": "SHA-256", "content": one["checksum"]}]
    return found


def files(folder):
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield {"type": "file", "name": "/" + str(path.relative_to(folder)), "hashes": [{"alg": "SHA-256", "content": sha256(path)}]}


def packages(folder):
    """The Debian packages of the libraries, where the build machine is a Debian."""
    names = {"libc6": "lib/*/libc.so.6", "libgcc-s1": "lib/*/libgcc_s.so.1", "ca-certificates": "etc/ssl/certs/ca-certificates.crt"}
    for name, pattern in names.items():
        if not list(folder.glob(pattern)):
            continue
        asked = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True)
        if asked.returncode == 0:
            yield {"type": "library", "name": name, "version": asked.stdout, "purl": f"pkg:deb/debian/{name}@{asked.stdout}"}


def provenance(checkout, image, digest, facts):
    """An in-toto statement with SLSA's predicate, to be signed (cosign attest)."""
    lock = sha256(checkout / "Cargo.lock")
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": f"portico-{image}", "digest": {"sha256": digest.removeprefix("sha256:")}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "cargo build --release --locked; deploy/k8s/image/build",
                "externalParameters": {"image": image, "version": facts["VERSION"]},
                "resolvedDependencies": [
                    {"uri": facts["SOURCE"], "digest": {"gitCommit": facts["REVISION"]}},
                    {"uri": "Cargo.lock", "digest": {"sha256": lock}},
                ],
            },
            "runDetails": {"builder": {"id": "deploy/k8s/image/build"}},
        },
    }
    return json.dumps(document, indent=2) + "\n"


def sha256(path: pathlib.Path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
