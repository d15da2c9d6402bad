"""Kubernetes' pod security standard `restricted`, as far as a pod's manifest shows it."""
import copy

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SECCOMP = {"RuntimeDefault", "Localhost"}

# What the tests break, one at a time.
BREACHES = ["hostNetwork", "hostPath", "hostPort", "privileged", "escalation", "capability", "keep", "root", "uid", "seccomp", "sysctl", "procMount"]


def complaints(spec):
    """What the standard has against a pod; nothing for one that fits."""
    found = [f"{key} is set" for key in ["hostNetwork", "hostPID", "hostIPC"] if spec.get(key)]
    context = spec.get("securityContext", {})
    found += [f"sysctl {one['name']}" for one in context.get("sysctls", [])]
    for volume in spec.get("volumes", []):
        kinds = set(volume) - {"name"}
        if not kinds <= VOLUMES:
            found.append(f"volume {volume['name']} is a {kinds}")
    for container in [*spec["containers"], *spec.get("initContainers", []), *spec.get("ephemeralContainers", [])]:
        found += [f"{container['name']}: {one}" for one in of_container(container, context)]
    return found


def of_container(container, pod_context):
    own = container.get("securityContext", {})

    def either(key):
        return own.get(key, pod_context.get(key))

    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "may escalate"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []):
        yield "keeps capabilities"
    if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "adds capabilities"
    if either("runAsNonRoot") is not True:
        yield "may be root"
    if either("runAsUser") == 0:
        yield "is root"
    if (either("seccompProfile") or {}).get("type") not in SECCOMP:
        yield "has no seccomp profile"
    if own.get("procMount", "Default") != "Default":
        yield "sees all of /proc"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield "takes a port of the host"


def broken(spec, breach):
    """A copy of a pod with one rule broken."""
    spec = copy.deepcopy(spec)
    container = spec["containers"][0]
    context = container["securityContext"]
    changes = {
        "hostNetwork": lambda: spec.update(hostNetwork=True),
        "hostPath": lambda: spec["volumes"].append({"name": "host", "hostPath": {"path": "/"}}),
        "hostPort": lambda: container["ports"][0].update(hostPort=80),
        "privileged": lambda: context.update(privileged=True),
        "escalation": lambda: context.pop("allowPrivilegeEscalation"),
        "capability": lambda: context["capabilities"].update(add=["SYS_ADMIN"]),
        "keep": lambda: context.pop("capabilities"),
        "root": lambda: context.update(runAsNonRoot=False),
        "uid": lambda: context.update(runAsUser=0),
        "seccomp": lambda: context.update(seccompProfile={"type": "Unconfined"}),
        "sysctl": lambda: spec["securityContext"].update(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
        "procMount": lambda: context.update(procMount="Unmasked"),
    }
    changes[breach]()
    return spec
