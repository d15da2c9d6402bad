"""How the pods are set up. Each test runs over every overlay that it applies to."""
import re
import unittest

import restricted
from manifests import (BUILT_IN, COMPONENT, INSTANCE, LARGE, NAME, OVERLAYS, PART, SERVICES, containers, deployments, named, of_kind, overlay,
                       pod, render, selects, service_container, source, with_components, workloads)

CONTROLS = {"Deployment", "StatefulSet", "Job"}


class Pods(unittest.TestCase):
    def every(self, overlays=OVERLAYS):
        """Each workload of each overlay, as a sub-test."""
        for name in overlays:
            for workload in workloads(overlay(name)):
                with self.subTest(overlay=name, workload=workload["metadata"]["name"]):
                    yield workload

    def services(self, overlays=OVERLAYS):
        for name in overlays:
            found = deployments(overlay(name))
            self.assertEqual(set(found), set(SERVICES))
            for service, deployment in found.items():
                with self.subTest(overlay=name, service=service):
                    yield service, deployment

    def test_every_pod_fits_the_restricted_standard_and_the_namespace_enforces_it(self):
        """K01."""
        for workload in self.every():
            self.assertEqual(restricted.complaints(pod(workload)), [])
        self.assertEqual(restricted.complaints(pod(named(render("operator"), "Job", "portico-operator"))), [])
        for name in ["dev", "production", "site"]:
            labels = named(overlay(name), "Namespace", "portico")["metadata"]["labels"]
            for mode in ["enforce", "audit", "warn"]:
                self.assertEqual(labels[f"pod-security.kubernetes.io/{mode}"], "restricted")
                self.assertRegex(labels[f"pod-security.kubernetes.io/{mode}-version"], r"^v1\.\d+$")

    def test_the_standard_is_really_looked_at(self):
        """K01: a pod that breaks one rule of it is named."""
        good = pod(deployments(overlay("production"))["tickets"])
        for breach in restricted.BREACHES:
            with self.subTest(breach=breach):
                self.assertNotEqual(restricted.complaints(restricted.broken(good, breach)), [])

    def test_nothing_but_bounded_scratch_can_be_written(self):
        """K02, K35."""
        for workload in self.every():
            for container in containers(workload):
                context = container["securityContext"]
                self.assertTrue(context["readOnlyRootFilesystem"])
                self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
            for volume in pod(workload).get("volumes", []):
                if "emptyDir" in volume:
                    self.assertIn("sizeLimit", volume["emptyDir"])
                else:
                    self.assertTrue({"projected", "secret", "configMap", "persistentVolumeClaim"} & set(volume), volume)
        for _, deployment in self.services(["dev", "production", "site"]):
            self.assertGreaterEqual(pod(deployment)["securityContext"]["runAsUser"], 10000)

    def test_the_restricted_overlay_leaves_ids_to_the_platform_and_fits_quotas(self):
        """K02, K35: user namespaces, any user id, limits for what a quota counts."""
        for _, deployment in self.services(["restricted"]):
            spec = pod(deployment)
            self.assertIs(spec["hostUsers"], False)
            self.assertEqual(set(spec["securityContext"]), {"runAsNonRoot", "seccompProfile"})
            self.assertTrue({"cpu", "memory", "ephemeral-storage"} <= set(service_container(deployment)["resources"]["limits"]))

    def test_a_team_with_a_namespace_of_its_own_can_install(self):
        """K03: no cluster-scoped object in the base or the restricted overlay, no custom resource, no role, no API token."""
        for resources in [render("base"), overlay("restricted")]:
            for one in resources:
                self.assertRegex(one["apiVersion"], BUILT_IN)
                self.assertNotIn(one["kind"], {"Namespace", "PriorityClass", "PersistentVolume"})
        for name in OVERLAYS:
            self.assertEqual(of_kind(overlay(name), "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"), [])
            for service in SERVICES:
                account = named(overlay(name), "ServiceAccount", f"portico-{service}")
                self.assertIs(account["automountServiceAccountToken"], False)
        for service, deployment in self.services():
            self.assertEqual(pod(deployment)["serviceAccountName"], f"portico-{service}")
        for workload in self.every():
            self.assertIs(pod(workload)["automountServiceAccountToken"], False)

    def test_probes_start_again_only_what_hangs_itself(self):
        """K06: liveness is the process alone; readiness is what the service itself says."""
        self.assertIn('"/healthz", get(|| async { "alive\\n" })', source("services/chassis/src/operations.rs"))
        for service, deployment in self.services():
            container = service_container(deployment)
            alive = {"path": "/healthz", "port": "operations"}
            self.assertEqual(container["livenessProbe"]["httpGet"], alive)
            self.assertEqual(container["startupProbe"]["httpGet"], alive)
            ready = container["readinessProbe"]
            if service == "gateway":
                self.assertEqual(ready["httpGet"], {"path": "/readyz", "port": "operations"})
            else:
                self.assertEqual(ready["grpc"], {"port": 7000})
            self.assertLessEqual(ready["periodSeconds"] * ready["failureThreshold"], 5)

    def test_a_first_start_has_the_time_to_migrate(self):
        """K06, K19: a database that is away is waited for, and a migration takes its time, before anybody is impatient."""
        patience = int(re.search(r"PATIENCE: Duration = Duration::from_secs\((\d+)\)", source("services/chassis/src/foundation.rs")).group(1))
        for _, deployment in self.services():
            probe = service_container(deployment)["startupProbe"]
            budget = probe["periodSeconds"] * probe["failureThreshold"]
            self.assertGreaterEqual(budget, patience + 300)
            self.assertGreater(deployment["spec"]["progressDeadlineSeconds"], budget)

    def test_a_pod_that_ends_has_the_time_that_draining_takes(self):
        """K07, F04."""
        life = source("services/chassis/src/run.rs")
        budget, spans = (int(re.search(rf"const {name}: Duration = Duration::from_secs\((\d+)\)", life).group(1)) for name in ["BUDGET", "LAST_SPANS"])
        for _, deployment in self.services():
            pause = service_container(deployment)["lifecycle"]["preStop"]["sleep"]["seconds"]
            self.assertEqual(pause, 5)
            self.assertEqual(pod(deployment)["terminationGracePeriodSeconds"], 45)
            self.assertGreater(45, pause + budget + spans)

    def test_an_update_never_has_fewer_than_all(self):
        """K08."""
        for _, deployment in self.services():
            self.assertEqual(deployment["spec"]["strategy"], {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}})
            self.assertIn("revisionHistoryLimit", deployment["spec"])

    def test_a_drain_takes_one_replica_at_a_time(self):
        """K09."""
        for name in LARGE:
            for service, deployment in deployments(overlay(name)).items():
                scalers = of_kind(overlay(name), "HorizontalPodAutoscaler")
                scaled = [one for one in scalers if one["spec"]["scaleTargetRef"]["name"] == f"portico-{service}"]
                least = scaled[0]["spec"]["minReplicas"] if scaled else deployment["spec"]["replicas"]
                self.assertGreaterEqual(least, 2, f"{name}: {service}")
        for name in OVERLAYS:
            for service in SERVICES:
                budget = named(overlay(name), "PodDisruptionBudget", f"portico-{service}")["spec"]
                self.assertEqual((budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]), (1, "AlwaysAllow"))
                labels = deployments(overlay(name))[service]["spec"]["template"]["metadata"]["labels"]
                self.assertTrue(selects(budget["selector"], labels))

    def test_replicas_are_spread_over_zones_and_nodes(self):
        """K10."""
        for name, unsatisfiable in {"restricted": "ScheduleAnyway", "production": "DoNotSchedule"}.items():
            for _, deployment in self.services([name]):
                spread = {one["topologyKey"]: one for one in pod(deployment)["topologySpreadConstraints"]}
                self.assertEqual(set(spread), {"topology.kubernetes.io/zone", "kubernetes.io/hostname"})
                for one in spread.values():
                    self.assertEqual(one["whenUnsatisfiable"], unsatisfiable)
                    self.assertTrue(selects(one["labelSelector"], deployment["spec"]["template"]["metadata"]["labels"]))
                    self.assertIn(COMPONENT, one["labelSelector"]["matchLabels"])
                (term,) = pod(deployment)["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
                self.assertIn(COMPONENT, term["podAffinityTerm"]["labelSelector"]["matchLabels"])

    def test_every_container_says_what_it_needs(self):
        """K11."""
        for workload in self.every():
            for container in containers(workload):
                resources = container["resources"]
                self.assertTrue({"cpu", "memory", "ephemeral-storage"} <= set(resources["requests"]))
                self.assertTrue({"memory", "ephemeral-storage"} <= set(resources["limits"]))

    def test_whoever_scales_owns_the_number_of_replicas(self):
        """K12."""
        for resources in [overlay("production"), with_components("autoscaling/keda")]:
            scalers = of_kind(resources, "HorizontalPodAutoscaler", "ScaledObject")
            self.assertEqual(len(scalers), 1)
            scaled = scalers[0]["spec"]["scaleTargetRef"]["name"]
            for deployment in of_kind(resources, "Deployment"):
                self.assertEqual("replicas" in deployment["spec"], deployment["metadata"]["name"] != scaled)

    def test_the_notifier_grows_with_what_waits_for_it(self):
        """K12: by what is due, as its metric says, and by one trigger for each stream that it has an inbox of."""
        (scaler,) = of_kind(with_components("autoscaling/keda"), "ScaledObject")
        (due,) = [one for one in scaler["spec"]["triggers"] if one["type"] == "prometheus"]
        metric = re.search(r"portico_notifier_(\w+)_seconds\{", due["metadata"]["query"]).group(1)
        self.assertIn(f'gauge("portico.notifier.{metric}"', source("services/notifier/src/app/upkeep.rs"))
        self.assertEqual(due["metricType"], "Value", "an age is no sum to be shared out")
        self.assertGreater(float(due["metadata"]["threshold"]), float(due["metadata"]["activationThreshold"]))
        read = [one for one in scaler["spec"]["triggers"] if one["type"] == "nats-jetstream"]
        producers = re.search(r'PRODUCERS: \[&str; \d\] = \[([^\]]+)\]', source("services/notifier/src/app/clients.rs")).group(1)
        self.assertEqual({one["metadata"]["stream"] for one in read}, {f"EV_{name.upper()}" for name in re.findall(r"\w+", producers)})
        for one in read:
            self.assertEqual(one["metadata"]["consumer"], "notifier")
            self.assertTrue({"lagThreshold", "activationLagThreshold"} <= set(one["metadata"]))

    def test_labels_are_the_standard_ones_and_selectors_never_change(self):
        """K32."""
        for name in OVERLAYS:
            for one in overlay(name):
                if one["kind"] != "Namespace":
                    self.assertTrue({NAME, PART} <= set(one["metadata"].get("labels", {})), f"{one['kind']} {one['metadata']['name']}")
        for service, deployment in self.services():
            chosen = deployment["spec"]["selector"]["matchLabels"]
            self.assertEqual(chosen, {COMPONENT: service, INSTANCE: "portico"})
            self.assertTrue(selects(deployment["spec"]["selector"], deployment["spec"]["template"]["metadata"]["labels"]))

    def test_a_site_can_set_where_and_how_pods_run(self):
        """K33: the example sets everything that organisations ask for, and all of it arrives."""
        for _, deployment in self.services(["site"]):
            spec, template = pod(deployment), deployment["spec"]["template"]["metadata"]
            self.assertEqual(spec["priorityClassName"], "business-critical")
            self.assertEqual(spec["imagePullSecrets"], [{"name": "registry-internal"}])
            self.assertTrue(spec["nodeSelector"] and spec["tolerations"] and spec["affinity"]["nodeAffinity"] and spec["affinity"]["podAntiAffinity"])
            container = service_container(deployment)
            self.assertTrue(container["image"].startswith("registry.internal/portico/"))
            self.assertIn("HTTPS_PROXY", {one["name"] for one in container["env"]})
            self.assertEqual({one["name"] for one in spec["volumes"]} - {"index"}, {"portico", "acme-ca"})
            self.assertIn("acme.example/cost-centre", template["annotations"])
