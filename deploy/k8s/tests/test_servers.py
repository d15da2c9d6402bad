"""What the services stand on: databases, broker, way in, certificates, monitoring."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import tempfile
import time
import unittest

import yaml

import authority
import broker
from manifests import (BACKENDS, BUILT_IN, K8S, SERVICES, deployments, environment, guide, named, of_kind, overlay, pod, selects, source,
                       with_components)

# Whose events each service's inboxes read, as the code has it.
READS = {"identity": ["tickets"], "tickets": ["identity"], "knowledge": ["community", "identity"], "community": ["identity"],
         "notifier": ["identity", "tickets", "community"], "gateway": []}


class CustomResources(unittest.TestCase):
    def test_every_custom_resource_fits_its_schema(self):
        """K15, K16, K20: those of the overlays and of the components that no overlay has."""
        found = [*overlay("production"), *overlay("site"), *with_components("autoscaling/keda", "external-secrets")]
        custom = [one for one in found if not BUILT_IN.match(one["apiVersion"]) and "cnpg.io" not in one["apiVersion"]]
        self.assertGreater(len(custom), 20)
        order = ["node", str(K8S / "tests/crds/validate.mjs"), os.environ["PORTICO_CRD_MODELS"]]
        done = subprocess.run(order, input=json.dumps(custom), capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        broken = [{**custom[0], "spec": {"nonsense": 1}}, {**custom[1], "kind": "Unheard"}]
        done = subprocess.run(order, input=json.dumps(broken), capture_output=True, text=True)
        self.assertEqual(len(done.stdout.splitlines()), 2, "the schemas are really looked at")


class Databases(unittest.TestCase):
    def test_each_service_has_a_cluster_of_its_own_that_loses_nothing(self):
        """K20."""
        resources = overlay("production")
        self.assertEqual({one["metadata"]["name"] for one in of_kind(resources, "Cluster")}, {f"portico-{one}-db" for one in BACKENDS})
        for service in BACKENDS:
            spec = named(resources, "Cluster", f"portico-{service}-db")["spec"]
            self.assertEqual(spec["instances"], 3)
            self.assertEqual(spec["postgresql"]["synchronous"], {"method": "any", "number": 1, "dataDurability": "required"})
            made = spec["bootstrap"]["initdb"]
            self.assertEqual((made["database"], made["owner"]), (service, service))
            roles = [f"CREATE ROLE {service}_app NOLOGIN", f"CREATE ROLE {service}_system NOLOGIN"]
            self.assertEqual(made["postInitApplicationSQL"][:3], [*roles, f"GRANT {service}_app, {service}_system TO {service}"])
            self.assertTrue(spec["plugins"][0]["isWALArchiver"])
            backup = named(resources, "ScheduledBackup", f"portico-{service}-db")["spec"]
            self.assertEqual((backup["method"], backup["cluster"]["name"]), ("plugin", f"portico-{service}-db"))
            self.assertEqual(len(backup["schedule"].split()), 6, "seconds first")

    def test_the_server_has_room_for_the_connections_of_every_replica(self):
        """K11, K20: three replicas and one of a rolling update, each with its pools and those of its own; twice that, for a site that grows."""
        default = int(re.search(r"fn default_connections\(\) -> u32 \{\s*(\d+)", source("services/chassis/src/config.rs")).group(1))
        own = int(re.search(r"(\d+) of its own: ", source("services/chassis/README.md")).group(1))
        self.assertIn(f"max_connections` of a database is at least\n(replicas + 1) × {default + own}.", guide())
        for one in of_kind(overlay("production"), "Cluster"):
            self.assertGreaterEqual(int(one["spec"]["postgresql"]["parameters"]["max_connections"]), 2 * 4 * (default + own))

    def test_the_database_proves_who_it_is(self):
        """K16: its authority is mounted where the connection string says."""
        for service in BACKENDS:
            (volume,) = [one["projected"] for one in pod(deployments(overlay("production"))[service])["volumes"] if "projected" in one]
            wanted = {"secret": {"name": f"portico-{service}-db-ca", "items": [{"key": "ca.crt", "path": "database-ca.crt"}]}}
            self.assertIn(wanted, volume["sources"])
        self.assertIn("sslmode=verify-full&sslrootcert=/etc/portico/database-ca.crt", (K8S / "secrets").read_text())

    def test_replicas_that_migrate_at_once_wait_for_one_another(self):
        """K19: there is no Job, because each start migrates under sqlx's advisory lock; nobody switched that off."""
        text = source("services/chassis/src/db.rs")
        self.assertIn("Migrator::with_migrations(all)", text)
        self.assertNotIn("set_locking(false)", text)
        for name in ["dev", "production", "restricted"]:
            self.assertEqual(of_kind(overlay(name), "Job", "CronJob"), [])


class Nats(unittest.TestCase):
    def test_three_servers_that_write_to_disk_before_they_answer(self):
        """K21."""
        config = broker.values()["config"]
        self.assertEqual((config["cluster"]["enabled"], config["cluster"]["replicas"]), (True, 3))
        self.assertEqual(config["jetstream"]["merge"]["sync_interval"], "always")
        self.assertTrue(config["jetstream"]["fileStore"]["pvc"]["enabled"])
        self.assertTrue(config["nats"]["tls"]["enabled"] and config["cluster"]["tls"]["merge"]["verify"])
        self.assertEqual(broker.values()["podTemplate"]["topologySpreadConstraints"]["kubernetes.io/hostname"]["whenUnsatisfiable"], "DoNotSchedule")
        self.assertTrue(broker.values()["podDisruptionBudget"]["enabled"])
        for deployment in deployments(overlay("production")).values():
            self.assertEqual(environment(overlay("production"), deployment)["PORTICO_NATS_REPLICAS"], "3")

    def test_a_service_can_do_at_the_broker_what_it_does_and_nothing_else(self):
        """S66b, K21: tried at a real server with the users of the values."""
        with broker.Broker(os.environ["PORTICO_NATS_SERVER"]) as server:
            with contextlib.closing(server.client("tickets", "wrong")) as stranger:
                self.assertEqual(stranger.refusals[-1], "the server hung up")
            for service in BACKENDS:
                with self.subTest(service=service), contextlib.closing(server.client(service)) as client:
                    self.produces(client, service)
            for service in SERVICES:
                with self.subTest(service=service), contextlib.closing(server.client(service)) as client:
                    self.assertEqual(client.refusals, [])
                    self.is_kept_out(client, service)
                    for producer in READS[service]:
                        self.consumes(client, service, producer)
            with contextlib.closing(server.client("gateway")) as client:
                self.assertTrue(client.may_subscribe("ev.tickets.>") and client.may_subscribe("ev.notifier.>"))

    def produces(self, client, service):
        stream = f"EV_{service.upper()}"
        config = {"name": stream, "subjects": [f"ev.{service}.>"], "storage": "file", "retention": "limits", "num_replicas": 1}
        self.assertNotIn("error", json.loads(client.ask(f"$JS.API.STREAM.CREATE.{stream}", config)[1]))
        self.assertIn("config", json.loads(client.ask(f"$JS.API.STREAM.INFO.{stream}")[1]))
        # The broker acknowledges an event with its place in the stream.
        self.assertEqual(json.loads(client.ask(f"ev.{service}.test", {"a": 1})[1])["seq"], 1)

    def consumes(self, client, service, producer):
        stream = f"EV_{producer.upper()}"
        asked = {"stream_name": stream, "config": {"durable_name": service, "name": service, "ack_policy": "explicit"}, "action": ""}
        self.assertNotIn("error", json.loads(client.ask(f"$JS.API.CONSUMER.CREATE.{stream}.{service}", asked)[1]))
        self.assertIn("config", json.loads(client.ask(f"$JS.API.CONSUMER.INFO.{stream}.{service}")[1]))
        # What is delivered has the subject of its event, and where to acknowledge it.
        acknowledge, event = client.ask(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{service}", {"batch": 1})
        self.assertEqual(json.loads(event), {"a": 1})
        self.assertTrue(client.may_publish(acknowledge, "+ACK"), acknowledge)
        left = json.loads(client.ask(f"$JS.API.CONSUMER.INFO.{stream}.{service}")[1])
        self.assertEqual((left["num_ack_pending"], left["num_pending"]), (0, 0))

    def is_kept_out(self, client, service):
        others = [one for one in BACKENDS if one != service]
        for other in others:
            stream = f"EV_{other.upper()}"
            self.assertFalse(client.may_publish(f"ev.{other}.forged"))
            self.assertFalse(client.may_publish(f"$JS.API.STREAM.DELETE.{stream}") or client.may_publish(f"$JS.API.STREAM.PURGE.{stream}"))
            self.assertFalse(client.may_subscribe(f"_INBOX_{other}.>"))
            if other not in READS[service]:
                self.assertFalse(client.may_publish(f"$JS.API.CONSUMER.CREATE.{stream}.{service}"))
            if service != "gateway" or other not in ["tickets", "notifier"]:
                self.assertFalse(client.may_subscribe(f"ev.{other}.>"))
        self.assertFalse(client.may_subscribe(">") or client.may_subscribe("_INBOX.>") or client.may_subscribe("$SYS.>"))
        self.assertTrue(client.may_subscribe(f"_INBOX_{service}.x"))

    def test_a_renewed_certificate_is_taken_up_and_plaintext_is_refused(self):
        """K16: by a server that goes on. Connections that are there stay, and who trusts the authority trusts the new certificate; a new authority is
        another matter, for which the guide wants a rollout."""
        with tempfile.TemporaryDirectory() as folder:
            first, second = (authority.Authority(pathlib.Path(folder), name) for name in ["first", "second"])
            secret = pathlib.Path(folder) / "secret"
            first.certify(secret, 1)
            with broker.Broker(os.environ["PORTICO_NATS_SERVER"], secret) as server, contextlib.ExitStack() as clients:
                def connect(trusted=None):
                    client = clients.enter_context(contextlib.closing(server.client("tickets", authority=trusted and trusted.certificate)))
                    return client, client.socket.getpeercert()["serialNumber"] if trusted else None

                self.assertNotEqual(connect()[0].refusals, [], "plaintext")
                early, serial = connect(first)
                self.assertEqual((early.refusals, serial), ([], "01"))
                for number, issuer in [(2, first), (3, second)]:
                    issuer.certify(secret, number)
                    server.reload()
                    self.wait_until(lambda: connect(issuer)[1] == f"0{number}")
                    self.assertTrue(early.may_publish("ev.tickets.test"), "the early connection stays")
                with self.assertRaises(ssl.SSLCertVerificationError):
                    connect(first)
        self.assertIn("roll out before the old one ends", guide())

    def wait_until(self, holds):
        """A reload takes a moment, in which the old certificate is shown or the new one is not trusted yet."""
        end = time.monotonic() + broker.PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(ssl.SSLError):
                if holds():
                    return
            time.sleep(0.05)
        self.fail("the server keeps its old certificate")

    def test_the_users_follow_the_inboxes_of_the_code(self):
        """S66b: the table of this test is what the services start."""
        for service, producers in READS.items():
            if service in BACKENDS and service != "notifier":
                text = source(f"services/{service}/src/api/inbox.rs")
                found = re.findall(r'fn producer\(&self\) -> &\'static str \{\s*"(\w+)"', text)
                self.assertEqual(sorted(found), sorted(producers), service)


class WayIn(unittest.TestCase):
    def test_live_updates_have_no_end_and_uploads_have_time(self):
        """K15: the gateway bounds requests itself; what is in front is never narrower."""
        patience = int(re.search(r"FILE_PATIENCE: Duration = Duration::from_secs\((\d+)\)", source("services/gateway/src/arrival.rs")).group(1))
        live, other = named(overlay("production"), "HTTPRoute", "portico")["spec"]["rules"]
        self.assertEqual((live["timeouts"]["request"], live["matches"][0]["headers"][0]["value"]), ("0s", "text/event-stream"))
        self.assertGreater(int(other["timeouts"]["request"].removesuffix("s")), patience)
        (listener,) = [one for one in named(overlay("production"), "Gateway", "portico")["spec"]["listeners"] if one["protocol"] == "HTTPS"]
        certificate = named(overlay("production"), "Certificate", "portico-public")["spec"]
        self.assertEqual(listener["tls"]["certificateRefs"], [{"name": certificate["secretName"]}])
        self.assertEqual(certificate["dnsNames"], [listener["hostname"]])

    def test_a_plain_ingress_has_no_vendors_annotations(self):
        """K15: the alternative where there is no Gateway API."""
        (ingress,) = of_kind(overlay("restricted"), "Ingress")
        self.assertFalse(ingress["metadata"].get("annotations"))
        self.assertTrue(ingress["spec"]["tls"])

    def test_plaintext_is_off_where_much_depends_on_it(self):
        """K16: the broker takes TLS only and every service trusts its authority; the mesh refuses plaintext between services."""
        resources = overlay("production")
        certificate = named(resources, "Certificate", "portico-nats")["spec"]
        self.assertIn("nats", certificate["dnsNames"])
        for deployment in deployments(resources).values():
            (volume,) = [one["projected"] for one in pod(deployment)["volumes"] if "projected" in one]
            self.assertIn({"secret": {"name": certificate["secretName"], "items": [{"key": "ca.crt", "path": "ca/portico.crt"}]}}, volume["sources"])
            self.assertEqual(environment(resources, deployment)["SSL_CERT_DIR"], "/etc/portico/ca")
        self.assertIn('nats_url = "tls://', (K8S / "secrets").read_text())


class Monitoring(unittest.TestCase):
    def test_every_replica_is_scraped_at_its_operations_port(self):
        """K14, K27: with a bound on the number of series."""
        monitor = named(overlay("production"), "PodMonitor", "portico")["spec"]
        (endpoint,) = monitor["podMetricsEndpoints"]
        self.assertEqual((endpoint["port"], endpoint["path"]), ("operations", "/metrics"))
        self.assertGreater(monitor["sampleLimit"], 0)
        self.assertEqual((endpoint["relabelings"][0]["targetLabel"], endpoint["relabelings"][0]["replacement"]), ("job", "portico-$1"))
        self.assertEqual(set(re.findall(r'job="([^"$]+)"', source("deploy/monitoring/alerts.yaml"))) - {f"portico-{one}" for one in SERVICES}, set())
        for deployment in deployments(overlay("production")).values():
            self.assertTrue(selects(monitor["selector"], deployment["spec"]["template"]["metadata"]["labels"]))

    def test_traces_go_to_the_collector(self):
        """K26."""
        for deployment in deployments(overlay("production")).values():
            self.assertRegex(environment(overlay("production"), deployment)["PORTICO_OTLP_ENDPOINT"], r"^http://[\w.-]+:4317$")

    def test_the_installed_alerts_are_those_that_were_tested(self):
        """K28: rule.yaml is what deploy/k8s/rules makes of deploy/monitoring/alerts.yaml; whoever is paged can open the runbook from there."""
        tested = source("deploy/monitoring/alerts.yaml")
        installed = (K8S / "components/monitoring/rule.yaml").read_text()
        links = re.findall(r"runbook_url: (\S+)", installed)
        self.assertEqual(len(links), tested.count("runbook_url: "))
        for link in links:
            self.assertRegex(link, r"^https://[\w.-]+/.*docs/RUNBOOKS\.md#\w+$")
        relative = yaml.safe_load(re.sub(r"runbook_url: \S+/docs/", "runbook_url: docs/", installed))
        self.assertEqual(relative["spec"]["groups"], yaml.safe_load(tested)["groups"], "run deploy/k8s/rules")
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(K8S.parent / "monitoring", pathlib.Path(folder) / "monitoring")
            (pathlib.Path(folder) / "k8s/components/monitoring").mkdir(parents=True)
            shutil.copy(K8S / "rules", pathlib.Path(folder) / "k8s/rules")
            subprocess.run([f"{folder}/k8s/rules", "https://wiki.acme.example/portico/"], check=True)
            made = (pathlib.Path(folder) / "k8s/components/monitoring/rule.yaml").read_text()
        self.assertEqual(made.count("runbook_url: https://wiki.acme.example/portico/docs/RUNBOOKS.md#"), len(links))

    def test_grafana_finds_the_dashboard(self):
        """K29."""
        found = named(overlay("production"), "ConfigMap", "portico-dashboard")
        self.assertEqual(found["metadata"]["labels"]["grafana_dashboard"], "1")
        self.assertEqual(json.loads(found["data"]["dashboard.json"]), json.loads(source("deploy/monitoring/dashboard.json")))
