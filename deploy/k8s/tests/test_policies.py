"""What a cluster may ask of those who install into it: admission policies, quotas, current API versions; and what an uninstall takes away."""
import copy
import re
import unittest

import celpy
from celpy import celtypes

from manifests import LARGE, OVERLAYS, PART, containers, guide, of_kind, overlay, render, with_components, workloads

PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "Job": "jobs", "Service": "services"}
CEL = celpy.Environment()
UNITS = {"": 1, "m": 0.001, "Mi": 2**20, "Gi": 2**30}
# Deprecated or removed in some minor since 1.16, by Kubernetes' deprecation guide: group/version, or with a kind.
DEPRECATED = {
    "extensions/v1beta1", "apps/v1beta1", "apps/v1beta2", "batch/v1beta1", "batch/v2alpha1", "policy/v1beta1", "autoscaling/v2beta1", "autoscaling/v2beta2",
    "autoscaling/v1", "networking.k8s.io/v1beta1", "rbac.authorization.k8s.io/v1beta1", "apiextensions.k8s.io/v1beta1", "storage.k8s.io/v1beta1",
    "admissionregistration.k8s.io/v1alpha1", "admissionregistration.k8s.io/v1beta1", "scheduling.k8s.io/v1beta1", "coordination.k8s.io/v1beta1",
    "discovery.k8s.io/v1beta1", "events.k8s.io/v1beta1", "node.k8s.io/v1beta1", "certificates.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta1", "flowcontrol.apiserver.k8s.io/v1beta2", "flowcontrol.apiserver.k8s.io/v1beta3",
    "v1 Endpoints", "v1 ComponentStatus", "v1 ReplicationController", "policy/v1beta1 PodSecurityPolicy",
    # Custom resources, by their projects.
    "cert-manager.io/v1alpha2", "cert-manager.io/v1alpha3", "cert-manager.io/v1beta1", "gateway.networking.k8s.io/v1beta1",
    "external-secrets.io/v1alpha1", "external-secrets.io/v1beta1", "security.istio.io/v1beta1", "networking.istio.io/v1alpha3",
    "networking.istio.io/v1beta1",
}
# Annotations and labels that fields or other names have replaced.
REPLACED = ["kubernetes.io/ingress.class", "seccomp.security.alpha.kubernetes.io", "container.apparmor.security.beta.kubernetes.io",
            "failure-domain.beta.kubernetes.io", "beta.kubernetes.io/os", "beta.kubernetes.io/arch", "node-role.kubernetes.io/master"]


def refused(policy, resource):
    """The messages of the expressions that a resource breaks."""
    rules = policy["spec"]["matchConstraints"]["resourceRules"]
    group, _, version = resource["apiVersion"].rpartition("/")
    if not any(group in one["apiGroups"] and version in one["apiVersions"] and PLURALS.get(resource["kind"]) in one["resources"] for one in rules):
        return None
    known = {"object": celpy.json_to_cel(resource), "variables": celtypes.MapType()}
    for one in policy["spec"].get("variables", []):
        known["variables"][celtypes.StringType(one["name"])] = evaluate(one["expression"], known)
    return [one["message"] for one in policy["spec"]["validations"] if not evaluate(one["expression"], known)]


def evaluate(expression, known):
    return CEL.program(CEL.compile(expression)).evaluate(known)


def broken(resource):
    """Copies of a Deployment or Service, each with one rule broken."""
    def breach(change):
        made = copy.deepcopy(resource)
        change(made["spec"]["template"] if "template" in made["spec"] else made["spec"])
        return made

    if resource["kind"] == "Service":
        yield breach(lambda spec: spec.update(type="LoadBalancer"))
        yield breach(lambda spec: spec.update(externalIPs=["192.0.2.1"]))
        yield breach(lambda spec: spec["ports"][0].pop("appProtocol"))
        return
    first = resource["spec"]["template"]["spec"]["containers"][0]["image"]
    yield breach(lambda made: made["spec"]["containers"][0].update(image=first.split("@")[0] + ":latest"))
    yield breach(lambda made: made["spec"]["securityContext"].update(runAsNonRoot=False))
    yield breach(lambda made: made["spec"]["securityContext"].pop("runAsNonRoot"))
    yield breach(lambda made: made["spec"]["containers"][0]["securityContext"].update(readOnlyRootFilesystem=False))
    yield breach(lambda made: made["spec"]["containers"][0]["securityContext"].pop("capabilities"))
    yield breach(lambda made: made["spec"].update(initContainers=[{"name": "more", "image": first}]))
    yield breach(lambda made: made["spec"].pop("automountServiceAccountToken"))
    yield breach(lambda made: made["spec"]["containers"][0]["resources"]["limits"].pop("memory"))
    yield breach(lambda made: made["spec"].update(hostNetwork=True))
    yield breach(lambda made: made["spec"]["volumes"].append({"name": "host", "hostPath": {"path": "/"}}))
    yield breach(lambda made: made["spec"]["containers"][0].pop("livenessProbe"))
    yield breach(lambda made: made["metadata"]["labels"].pop(PART))


def amount(text):
    """A quantity as a number."""
    number, unit = re.fullmatch(r"([\d.]+)(m|Mi|Gi|)", str(text)).groups()
    return float(number) * UNITS[unit]


class Admission(unittest.TestCase):
    def test_what_is_installed_passes_the_policies(self):
        """K36: evaluated as the API server would, over every resource that they match."""
        policies = of_kind(render("examples/policies"), "ValidatingAdmissionPolicy")
        for policy in policies:
            looked_at = 0
            for resource in [one for name in LARGE for one in overlay(name)] + render("operator"):
                said = refused(policy, resource)
                looked_at += said is not None
                self.assertIn(said, (None, []), f"{resource['kind']} {resource['metadata']['name']}")
            self.assertGreaterEqual(looked_at, 6 * len(LARGE))
        bound = {one["spec"]["policyName"] for one in of_kind(render("examples/policies"), "ValidatingAdmissionPolicyBinding")}
        self.assertEqual(bound, {one["metadata"]["name"] for one in policies})

    def test_each_rule_of_the_policies_refuses_something(self):
        """K36."""
        for policy in of_kind(render("examples/policies"), "ValidatingAdmissionPolicy"):
            said = set()
            (kind,) = {"Service", "Deployment"} & {key for key, plural in PLURALS.items() if plural in str(policy["spec"]["matchConstraints"])}
            for made in broken(of_kind(overlay("production"), kind)[0]):
                refusals = refused(policy, made)
                self.assertTrue(refusals, made)
                said |= set(refusals)
            self.assertEqual(said, {one["message"] for one in policy["spec"]["validations"]})

    def test_no_api_is_used_that_is_going_away(self):
        """K36: by Kubernetes' own list and those of the custom resources' projects; built-in kinds are stable versions alone."""
        found = [one for name in OVERLAYS for one in overlay(name)] + render("operator") + render("examples/policies") + render("examples/quota")
        found += with_components("autoscaling/keda", "external-secrets", "scanner")
        for one in found:
            self.assertNotIn(one["apiVersion"], DEPRECATED)
            self.assertNotIn(f"{one['apiVersion']} {one['kind']}", DEPRECATED)
            group = one["apiVersion"].rpartition("/")[0]
            if group.endswith("k8s.io") or "." not in group:
                self.assertRegex(one["apiVersion"], r"(^|/)v\d+$")
            text = str(one)
            self.assertFalse([word for word in REPLACED if word in text], one["metadata"]["name"])


class Quotas(unittest.TestCase):
    def test_the_restricted_overlay_fits_the_quota_while_everything_is_updated(self):
        """K35: each Deployment with its one more pod, and the operator's Job; and the quota is no larger than it must be."""
        hard = of_kind(render("examples/quota"), "ResourceQuota")[0]["spec"]["hard"]
        used = {"pods": 0}
        for workload in [*workloads(overlay("restricted")), *workloads(render("operator"))]:
            spec = workload["spec"]
            pods = spec["replicas"] + spec["strategy"]["rollingUpdate"]["maxSurge"] if "replicas" in spec else 1
            used["pods"] += pods
            for container in containers(workload):
                for side, given in self.completed(container).items():
                    for resource, quantity in given.items():
                        key = f"{side}.{resource}"
                        used[key] = used.get(key, 0) + pods * amount(quantity)
        for key, needed in used.items():
            self.assertLessEqual(needed, amount(hard[key]), key)
            self.assertGreaterEqual(needed, 0.75 * amount(hard[key]), f"{key}: the quota is larger than it must be")
        self.assertEqual(set(hard) - set(used), {"persistentvolumeclaims", "services.loadbalancers", "services.nodeports"})
        self.assertFalse(of_kind(overlay("restricted"), "PersistentVolumeClaim"))
        self.assertEqual({one["spec"].get("type", "ClusterIP") for one in of_kind(overlay("restricted"), "Service")}, {"ClusterIP"})

    def test_each_container_is_within_the_bounds_of_the_namespace(self):
        """K35."""
        bounds = self.bounds()
        for workload in [*workloads(overlay("restricted")), *workloads(render("operator"))]:
            for container in containers(workload):
                asked = self.completed(container)
                for resource, least in bounds["min"].items():
                    self.assertGreaterEqual(amount(asked["requests"][resource]), amount(least))
                for resource, most in bounds["max"].items():
                    self.assertLessEqual(amount(asked["limits"][resource]), amount(most))
                for resource, ratio in bounds["maxLimitRequestRatio"].items():
                    self.assertLessEqual(amount(asked["limits"][resource]) / amount(asked["requests"][resource]), amount(ratio))

    def bounds(self):
        (bounds,) = of_kind(render("examples/quota"), "LimitRange")[0]["spec"]["limits"]
        return bounds

    def completed(self, container):
        """What a container asks for, with the namespace's defaults."""
        resources = container["resources"]
        return {"requests": resources["requests"], "limits": {**self.bounds()["default"], **resources["limits"]}}


class Uninstall(unittest.TestCase):
    def test_what_the_guides_command_takes_away(self):
        """K38: played over what is installed. All of the services goes, and nothing that holds data, guards it or is needed to read it."""
        section = guide().split("\n## Uninstall, and install again\n")[1].split("\n## ")[0]
        kinds, selector = re.search(r"kubectl -n portico delete ([\w,]+) -l (\S+)\n", section).groups()
        custom = re.search(r"^Custom resources \(`([\w,]+)`\)", section, re.M).group(1)
        key, value = selector.split("=")
        taken = {*kinds.split(","), *custom.split(",")}
        for name in OVERLAYS:
            resources = overlay(name)
            gone = [one for one in resources if one["kind"].lower() in taken and one["metadata"].get("labels", {}).get(key) == value]
            left = [one for one in resources if one not in gone]
            self.assertEqual({one["metadata"]["labels"].get(PART) for one in left if one["kind"] != "Namespace"} - {"portico-servers"}, set(), name)
            self.assertFalse(of_kind(gone, "StatefulSet", "PersistentVolumeClaim", "Cluster", "ObjectStore", "ScheduledBackup", "Namespace", "Secret"))
            # Whatever stays, stays reachable and guarded as it was: what selects it stays too.
            for one in of_kind(gone, "NetworkPolicy", "Service"):
                chosen = one["spec"].get("podSelector", {"matchLabels": one["spec"].get("selector")})
                self.assertFalse(chosen.get("matchLabels", {}).get("app.kubernetes.io/name", "").startswith(("nats", "portico-")), one["metadata"]["name"])
                self.assertNotIn("cnpg.io/cluster", chosen.get("matchLabels", {}))
            self.assertFalse([one for one in of_kind(left, "Certificate") if one["metadata"]["name"] == "portico-public"])

    def test_the_broker_keeps_its_certificate(self):
        """K38: it goes on without the services, so what renews its certificate stays."""
        stays = {one["metadata"]["name"] for one in of_kind(overlay("production"), "Certificate", "Issuer") if one["metadata"]["labels"][PART] == "portico-servers"}
        self.assertEqual(stays, {"portico-nats", "portico-ca", "portico-root"})
