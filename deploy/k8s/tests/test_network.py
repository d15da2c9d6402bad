"""Who reaches whom: the call graph as the documentation, the code, the configuration, the network policies and the mesh say it."""
import json
import re
import unittest

from manifests import (BACKENDS, CHECKOUT, COMPONENT, LARGE, NAME, OVERLAYS, PART, SERVICES, deployments, environment, guide, named, of_kind,
                       overlay, pod_labels, render, selects, service_container, source, table_after, with_components)

GRPC = 7000


def ports_of(rule):
    return {one.get("port") for one in rule.get("ports", [])}


def is_broker(end):
    """A pod of a broker, or a network that stands for the site's own."""
    labels = end.get("podSelector", {}).get("matchLabels", {})
    return labels.get(NAME) in {"nats", "portico-nats"} or end.get("ipBlock", {}).get("cidr") in {"192.0.2.0/24", "2001:db8::/32"}


def documented():
    """The edges of the table in docs/ARCHITECTURE.md, and everybody's to identity."""
    edges = {(caller, "identity") for caller in SERVICES if caller != "identity"}
    for cells in table_after(source("docs/ARCHITECTURE.md"), "## The map"):
        caller = re.match(r"\[(\w+)\]", cells[0]).group(1)
        asks = re.sub(r"\([^)]*\)", "", cells[2])
        called = BACKENDS if "everybody" in asks else [one for one in BACKENDS if re.search(rf"\b{one}\b", asks)]
        edges |= {(caller, one) for one in called}
    return edges


def allowed(resources, direction):
    """The edges on the gRPC port that policies allow in one direction, by the labels of the pods themselves."""
    pods = pod_labels(resources)
    ends = {"ingress": "from", "egress": "to"}
    edges = set()
    for policy in of_kind(resources, "NetworkPolicy"):
        here = {name for name, labels in pods.items() if selects(policy["spec"]["podSelector"], labels)}
        for rule in policy["spec"].get(direction) or []:
            ports = {one.get("port") for one in rule.get("ports", [])}
            if ports and not ports & {GRPC, "grpc"}:
                continue
            for end in rule.get(ends[direction], [{"podSelector": {}}]):
                there = {name for name, labels in pods.items() if "podSelector" in end and selects(end["podSelector"], labels)}
                edges |= {(a, b) if direction == "egress" else (b, a) for a in here for b in there}
    # The operator's Job is applied for a moment and asks every service; it is no part of an overlay.
    return {(a.removeprefix("portico-"), b.removeprefix("portico-")) for a, b in edges}


class CallGraph(unittest.TestCase):
    def test_the_policies_edges_are_the_call_graph(self):
        """K13: both directions, in every overlay, equal the table of docs/ARCHITECTURE.md."""
        self.assertEqual(len(documented()), 16)
        for name in OVERLAYS:
            for direction in ["ingress", "egress"]:
                with self.subTest(overlay=name, direction=direction):
                    self.assertEqual(allowed(overlay(name), direction), documented())

    def test_the_code_calls_along_the_same_edges(self):
        """K13: whom a service has clients for."""
        edges = set()
        for service in SERVICES:
            folder = CHECKOUT / "services" / service / "src"
            text = "".join(path.read_text() for path in [folder / "clients.rs", folder / "app/clients.rs"] if path.exists())
            named_there = {one for one in BACKENDS if f'"{one}"' in text.split("#[cfg(test)]")[0]}
            edges |= {(service, one) for one in named_there}
        self.assertEqual(edges, documented())

    def test_services_are_told_the_addresses_of_those_that_they_call_alone(self):
        """K13, K39: addresses are configuration, and none is more than is needed."""
        for name in OVERLAYS:
            edges = set()
            for service, deployment in deployments(overlay(name)).items():
                for key, value in environment(overlay(name), deployment).items():
                    if key.startswith("PORTICO_PEERS__"):
                        peer = key.removeprefix("PORTICO_PEERS__").lower()
                        self.assertEqual(value, f"http://portico-{peer}:{GRPC}")
                        edges.add((service, peer))
            self.assertEqual(edges, documented())
        for path in (CHECKOUT / "services").glob("*/src/**/*.rs"):
            code = path.read_text().split("#[cfg(test)]")[0]
            self.assertIsNone(re.search(r'"https?://portico-(%s)' % "|".join(SERVICES), code), path)

    def test_the_mesh_says_the_same(self):
        """K13, K16: one port tunnels everything there, so callers are told apart by their identity."""
        for name in ["production", "site"]:
            edges = set()
            for policy in of_kind(overlay(name), "AuthorizationPolicy"):
                callee = policy["spec"]["selector"]["matchLabels"][COMPONENT]
                self.assertEqual(policy["spec"]["action"], "ALLOW")
                for rule in policy["spec"]["rules"]:
                    (operation,) = [one["operation"] for one in rule["to"]]
                    if operation["ports"] == [str(GRPC)]:
                        principals = [one for end in rule["from"] for one in end["source"]["principals"]]
                        edges |= {(one.rsplit("/sa/portico-", 1)[1], callee) for one in principals}
            self.assertEqual(edges, documented() | {("operator", callee) for callee in BACKENDS})
            mode = named(overlay(name), "PeerAuthentication", "portico")["spec"]["mtls"]["mode"]
            self.assertEqual(mode, "STRICT")
            for deployment in deployments(overlay(name)).values():
                self.assertEqual(deployment["spec"]["template"]["metadata"]["labels"]["istio.io/dataplane-mode"], "ambient")


    def test_the_mesh_lets_the_proxy_in_that_the_gateway_makes(self):
        """K13, K16: Istio names the account of a Gateway's pods after the Gateway and its class."""
        for name in ["production", "site"]:
            gateway = named(overlay(name), "Gateway", "portico")
            account = f"{gateway['metadata']['name']}-{gateway['spec']['gatewayClassName']}"
            rule = named(overlay(name), "AuthorizationPolicy", "portico-calls-gateway")["spec"]["rules"][0]
            self.assertEqual(rule["to"], [{"operation": {"ports": ["8080"]}}])
            accounts = {one.rsplit("/sa/", 1)[1] for one in rule["from"][0]["source"]["principals"]}
            self.assertEqual(accounts, {account, "portico-operator"})


class Policies(unittest.TestCase):
    def test_nothing_is_allowed_that_no_policy_names(self):
        """K13."""
        for name in OVERLAYS:
            deny = named(overlay(name), "NetworkPolicy", "portico-default-deny")["spec"]
            self.assertEqual(set(deny["policyTypes"]), {"Ingress", "Egress"})
            self.assertFalse(deny.get("ingress") or deny.get("egress"))
            for service, labels in pod_labels(overlay(name)).items():
                if labels[PART] == "portico":
                    self.assertTrue(selects(deny["podSelector"], labels), service)

    def test_only_the_notifier_reaches_a_mail_server(self):
        """K13."""
        for name in OVERLAYS:
            senders = self.reaching(overlay(name), {25, 465, 587, 1025})
            self.assertEqual(senders, {"portico-notifier"})

    def test_a_service_reaches_its_own_database_and_no_other(self):
        """K13."""
        resources = overlay("production")
        for service, deployment in deployments(resources).items():
            labels = deployment["spec"]["template"]["metadata"]["labels"]
            clusters = {
                end["podSelector"]["matchLabels"]["cnpg.io/cluster"]
                for policy in of_kind(resources, "NetworkPolicy")
                if selects(policy["spec"]["podSelector"], labels)
                for rule in policy["spec"].get("egress") or []
                for end in rule["to"]
                if "cnpg.io/cluster" in end.get("podSelector", {}).get("matchLabels", {})
            }
            self.assertEqual(clusters, {f"portico-{service}-db"} if service in BACKENDS else set())

    def test_files_are_reached_by_those_that_have_some(self):
        """K13, K22: and never by an address of the inner network, unless a site names it."""
        self.assertEqual(self.reaching(overlay("production"), {443}), {f"portico-{one}" for one in SERVICES if one != "identity"})
        for one in named(overlay("production"), "NetworkPolicy", "portico-to-objects")["spec"]["egress"][0]["to"]:
            self.assertTrue({"10.0.0.0/8", "169.254.0.0/16"} <= set(one["ipBlock"]["except"]) or "fc00::/7" in one["ipBlock"]["except"])

    def test_the_scanner_is_reached_by_those_that_ask_it(self):
        """K13."""
        resources = with_components("scanner")
        self.assertEqual(self.reaching(resources, {3310}), {"portico-tickets", "portico-knowledge", "portico-community"})
        asking = {service for service, one in deployments(resources).items() if "PORTICO_SCANNER" in environment(resources, one)}
        self.assertEqual(asking, {"tickets", "knowledge", "community"})

    def test_from_outside_only_the_public_port_can_be_reached(self):
        """K14: metrics and probes have a port of their own that no Service names."""
        for name in OVERLAYS:
            for one in of_kind(overlay(name), "Service"):
                if one["metadata"]["labels"][PART] == "portico":
                    target = "http" if "gateway" in one["metadata"]["name"] else "grpc"
                    self.assertEqual([port["targetPort"] for port in one["spec"]["ports"]], [target])
            way_in = named(overlay(name), "NetworkPolicy", "portico-way-in")["spec"]
            self.assertEqual(way_in["podSelector"]["matchLabels"][COMPONENT], "gateway")
            self.assertEqual([one["port"] for rule in way_in["ingress"] for one in rule["ports"]], ["http"])

    def test_every_service_reaches_the_broker_and_the_brokers_answer_to_them_alone(self):
        """K13: out of each service to 4222 and nowhere wider; into the brokers that are brought along from services, from one another and monitoring."""
        everyone = {f"portico-{one}" for one in SERVICES}
        for name in OVERLAYS:
            with self.subTest(overlay=name):
                self.assertEqual(self.reaching(overlay(name), {4222}), everyone)
                ends = [end for _, rule in self.ways_out(overlay(name)) if 4222 in ports_of(rule) for end in rule["to"]]
                self.assertTrue(all(is_broker(end) for end in ends), ends)
        broker = {"app.kubernetes.io/name": "portico-nats"}
        pods = pod_labels(overlay("dev"))
        into = [one for one in of_kind(overlay("dev"), "NetworkPolicy") if selects(one["spec"]["podSelector"], broker) and one["spec"].get("ingress")]
        sources = [end["podSelector"] for one in into for rule in one["spec"]["ingress"] for end in rule["from"]]
        self.assertEqual({name for name, labels in pods.items() for one in sources if selects(one, labels)}, everyone)
        into = named(overlay("production"), "NetworkPolicy", "portico-nats")["spec"]["ingress"]
        (clients,) = [rule["from"] for rule in into if ports_of(rule) == {4222}]
        self.assertEqual(clients, [{"podSelector": {"matchLabels": {PART: "portico"}}}])

    def test_names_are_asked_for_at_the_clusters_servers_alone(self):
        """K13: by every pod, and port 53 is open to nothing else."""
        for resources in [*map(overlay, OVERLAYS), render("operator")]:
            asking = set()
            for policy, rule in self.ways_out(resources, "portico", "portico-operator"):
                if not ports_of(rule) & {53, 5353}:
                    continue
                self.assertEqual(ports_of(rule), {53, 5353})
                for end in rule["to"]:
                    servers = end.get("namespaceSelector", {}).get("matchExpressions", [{}])[0].get("values")
                    self.assertTrue(servers == ["kube-system", "openshift-dns"] or end.get("ipBlock", {}).get("cidr") == "169.254.20.10/32", end)
                asking.add(policy)
            self.assertEqual(asking, {"portico-operator"} if resources is render("operator") else {"portico-dns"})
        for name in OVERLAYS:
            self.assertEqual(self.reaching(overlay(name), {53}), {f"portico-{one}" for one in SERVICES})

    def test_no_way_out_is_wider_than_the_guide_says(self):
        """K13, K40: each rule names its ends and its ports, and the ports are those of the guide."""
        section = guide().split("\n## Ports\n")[1].split("\n## ")[0]
        documented_ports = {int(one) for one in re.findall(r"\b\d{2,5}\b", section)}
        for name in LARGE:
            for policy, rule in self.ways_out(overlay(name)):
                self.assertTrue(rule.get("to") and rule.get("ports"), policy)
                self.assertTrue(all(isinstance(one["port"], int) and "endPort" not in one for one in rule["ports"]), policy)
                self.assertTrue(ports_of(rule) <= documented_ports, f"{policy}: {ports_of(rule) - documented_ports}")

    def ways_out(self, resources, *parts):
        """(policy, rule) of every way out of a pod of Portico."""
        for policy in of_kind(resources, "NetworkPolicy"):
            selector = policy["spec"]["podSelector"]
            given = json.dumps(selector)
            if any(f'"{part}"' in given for part in parts or ["portico"]):
                for rule in policy["spec"].get("egress") or []:
                    yield policy["metadata"]["name"], rule

    def reaching(self, resources, ports):
        """The workloads of Portico that some policy lets out to one of these ports."""
        return {
            name
            for name, labels in pod_labels(resources).items()
            if labels[PART] == "portico"
            for policy in of_kind(resources, "NetworkPolicy")
            if selects(policy["spec"]["podSelector"], labels)
            for rule in policy["spec"].get("egress") or []
            if {one.get("port") for one in rule.get("ports", [])} & ports
        }


class Services(unittest.TestCase):
    def test_callers_see_every_replica_by_one_name(self):
        """K14: headless for gRPC, a plain address for the public port, the protocol named."""
        for name in OVERLAYS:
            for service in SERVICES:
                spec = named(overlay(name), "Service", f"portico-{service}")["spec"]
                self.assertEqual(spec["ports"][0]["appProtocol"], "http" if service == "gateway" else "kubernetes.io/h2c")
                self.assertEqual(spec.get("clusterIP"), None if service == "gateway" else "None")
                self.assertEqual(spec.get("type", "ClusterIP"), "ClusterIP")
                labels = deployments(overlay(name))[service]["spec"]["template"]["metadata"]["labels"]
                self.assertTrue(selects({"matchLabels": spec["selector"]}, labels))

    def test_everything_listens_on_ipv6_and_ipv4(self):
        """K39."""
        for name in OVERLAYS:
            for service, deployment in deployments(overlay(name)).items():
                given = environment(overlay(name), deployment)
                ports = {one["name"]: one["containerPort"] for one in service_container(deployment)["ports"]}
                listens = {key: value for key, value in given.items() if key.endswith("_LISTEN")}
                public = {"PORTICO_HTTP_LISTEN": "http"} if service == "gateway" else {"PORTICO_GRPC_LISTEN": "grpc"}
                wanted = {"PORTICO_OPERATIONS_LISTEN": "operations", **public}
                self.assertEqual(listens, {key: f"[::]:{ports[port]}" for key, port in wanted.items()})
            for one in of_kind(overlay(name), "Service"):
                if one["metadata"]["labels"][PART] == "portico":
                    self.assertEqual(one["spec"]["ipFamilyPolicy"], "PreferDualStack")

    def test_the_operator_comes_in_by_a_policy_of_its_own(self):
        """K13: which is applied with its Job and lets nobody else in."""
        (opened,) = [one for one in of_kind(render("operator"), "NetworkPolicy") if one["metadata"]["name"] == "portico-from-operator"]
        self.assertEqual(opened["spec"]["ingress"][0]["from"], [{"podSelector": {"matchLabels": {PART: "portico-operator"}}}])
        job = named(render("operator"), "Job", "portico-operator")
        labels = job["spec"]["template"]["metadata"]["labels"]
        self.assertEqual((labels[PART], labels["istio.io/dataplane-mode"]), ("portico-operator", "ambient"))
        self.assertEqual(job["spec"]["template"]["spec"]["serviceAccountName"], "portico-operator")
        # The mesh's tunnel: out of the Job and into the services.
        for policy, direction in [("portico-operator", "egress"), ("portico-from-operator", "ingress")]:
            self.assertIn(15008, ports_of(named(render("operator"), "NetworkPolicy", policy)["spec"][direction][0]))
        for name in LARGE:
            self.assertFalse([one for one in overlay(name) if one["metadata"]["labels"].get(PART) == "portico-operator"])
