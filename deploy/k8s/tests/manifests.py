"""What the tests share: the rendered overlays, and what is asked of them again and again."""
import functools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import yaml

K8S = pathlib.Path(__file__).resolve().parents[1]
CHECKOUT = K8S.parents[1]
BACKENDS = ["identity", "tickets", "knowledge", "community", "notifier"]
SERVICES = [*BACKENDS, "gateway"]
# The overlays that an installation takes; `site` is production with an organisation's own settings.
OVERLAYS = {"dev": "overlays/dev", "production": "overlays/production", "restricted": "overlays/restricted", "site": "examples/site"}
LARGE = ["production", "restricted", "site"]
NAME, INSTANCE, COMPONENT, PART = (f"app.kubernetes.io/{word}" for word in ["name", "instance", "component", "part-of"])
BUILT_IN = re.compile(r"^(v1|apps/v1|batch/v1|policy/v1|autoscaling/v2|networking\.k8s\.io/v1)$")


@functools.cache
def render(folder):
    """The resources of a kustomization in deploy/k8s, or anywhere."""
    kubectl = os.environ.get("PORTICO_KUBECTL", "kubectl")
    done = subprocess.run([kubectl, "kustomize", str(K8S / folder)], capture_output=True, text=True)
    assert done.returncode == 0, f"{folder}: {done.stderr}"
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def overlay(name):
    return render(OVERLAYS[name])


def with_components(*components, base="../base", extra=""):
    """The base with some components, as somebody's own overlay would have it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=".tmp-", dir=K8S))
    try:
        listed = "".join(f"  - ../components/{one}\n" for one in components)
        head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: portico\n"
        text = f"{head}resources:\n  - {base}\ncomponents:\n{listed}{extra}" if components else f"{head}resources:\n  - {base}\n{extra}"
        (folder / "kustomization.yaml").write_text(text)
        return render.__wrapped__(folder.name)
    finally:
        shutil.rmtree(folder)


def of_kind(resources, *kinds):
    return [one for one in resources if one["kind"] in kinds]


def named(resources, kind, name):
    found = [one for one in of_kind(resources, kind) if one["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def deployments(resources):
    """Service -> its Deployment."""
    return {one["metadata"]["labels"][COMPONENT]: one for one in of_kind(resources, "Deployment")}


def workloads(resources):
    return of_kind(resources, "Deployment", "StatefulSet", "Job")


def pod(workload):
    return workload["spec"]["template"]["spec"]


def containers(workload):
    spec = pod(workload)
    return [*spec["containers"], *spec.get("initContainers", [])]


def service_container(deployment):
    (only,) = pod(deployment)["containers"]
    return only


def environment(resources, deployment):
    """The variables of a service's container, those of its ConfigMaps included."""
    maps = {one["metadata"]["name"]: one.get("data", {}) for one in of_kind(resources, "ConfigMap")}
    container = service_container(deployment)
    found = {}
    for source in container.get("envFrom", []):
        found.update(maps[source["configMapRef"]["name"]])
    found.update({one["name"]: one.get("value", "") for one in container.get("env", [])})
    return found


def selects(selector, labels):
    """Whether a label selector takes a set of labels."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    operators = {
        "In": lambda key, values: labels.get(key) in values,
        "NotIn": lambda key, values: labels.get(key) not in values,
        "Exists": lambda key, values: key in labels,
        "DoesNotExist": lambda key, values: key not in labels,
    }
    return all(operators[one["operator"]](one["key"], one.get("values")) for one in selector.get("matchExpressions") or [])


def pod_labels(resources):
    """Workload name -> the labels of its pods."""
    return {one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"] for one in of_kind(resources, "Deployment", "StatefulSet")}


def source(path):
    return (CHECKOUT / path).read_text()


def guide():
    """docs/OPERATIONS.md."""
    return source("docs/OPERATIONS.md")


def table_after(text, heading):
    """The cells of the first table below a heading."""
    rows = []
    for line in text.split(f"\n{heading}\n", 1)[1].splitlines():
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows or line.startswith("#"):
            break
    return rows[2:]
