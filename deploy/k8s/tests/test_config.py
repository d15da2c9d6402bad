"""What the services are told: keys, secrets, labels of what stays."""
import json
import pathlib
import re
import stat
import subprocess
import tempfile
import unittest

import yaml

from manifests import (BACKENDS, K8S, OVERLAYS, PART, SERVICES, deployments, environment, guide, named, of_kind, overlay, pod, service_container,
                       source, with_components)

# Read before the keys, or by libraries.
BESIDE = {"PORTICO_CONFIG", "OTEL_EXPORTER_OTLP_ENDPOINT"}


def common_keys():
    text = source("services/chassis/src/config.rs")
    listed = re.search(r"const COMMON_KEYS: &\[&str\] = &\[(.*?)\];", text, re.S).group(1)
    keys = set(re.findall(r'"(\w+)"', listed)) - {"peers", "s3"}
    table = re.search(r"pub struct S3 \{(.*?)\n\}", text, re.S).group(1)
    return keys | {"peers__<service>"} | {f"s3__{name}" for name in re.findall(r"pub (\w+):", table)}


def own_keys(service):
    text = source(f"services/{service}/src/config.rs")
    listed = re.search(r"const KEYS: &'static \[&'static str\] =\s*&\[(.*?)\];", text, re.S).group(1)
    return set(re.findall(r'"(\w+)"', listed))


def is_known(variable, service):
    key = re.sub(r"^peers__\w+$", "peers__<service>", variable.removeprefix("PORTICO_").lower())
    return variable in BESIDE or key in common_keys() | own_keys(service)


class Keys(unittest.TestCase):
    def test_every_key_is_documented_and_every_documented_key_is_there(self):
        """K17."""
        documented = set(re.findall(r"^\| `(PORTICO_[A-Za-z0-9_<>]+|OTEL_\w+)`", guide(), re.M))
        known = common_keys().union(*map(own_keys, SERVICES))
        coded = BESIDE | {f"PORTICO_{key.upper().replace('<SERVICE>', '<SERVICE>')}" for key in known}
        self.assertEqual(documented, coded)
        self.assertGreater(len(coded), 40)

    def test_no_service_is_told_a_key_that_it_does_not_know(self):
        """K17: an unknown key ends the start (F31), also one that Kubernetes would add by itself."""
        for name in OVERLAYS:
            for service, deployment in deployments(overlay(name)).items():
                self.assertIs(pod(deployment)["enableServiceLinks"], False)
                for variable in environment(overlay(name), deployment):
                    if variable.startswith("PORTICO_"):
                        self.assertTrue(is_known(variable, service), f"{name}: {service} does not know {variable}")

    def test_every_required_key_is_given(self):
        """K17: by the environment, or by the file that holds what is secret."""
        with tempfile.TemporaryDirectory() as folder:
            made = make_secrets(folder)
            for name in ["production", "restricted"]:
                for service, deployment in deployments(overlay(name)).items():
                    text = source(f"services/{service}/src/config.rs")
                    required = re.search(r"const REQUIRED: &'static \[&'static str\] = &\[(.*?)\]", text)
                    keys = re.findall(r'"(\w+)"', required.group(1)) if required else ["database_url", "nats_url"]
                    given = {key.removeprefix("PORTICO_").lower() for key in environment(overlay(name), deployment)}
                    secret = (made / service / "portico.toml").read_text()
                    for key in [*keys, "keys_dir", "secret_file"]:
                        self.assertTrue(key in given or f"{key} = " in secret, f"{name}: {service} lacks {key}")

    def test_a_changed_setting_is_a_new_rollout(self):
        """K17: ConfigMaps carry a hash in their names."""
        for name in OVERLAYS:
            for service, deployment in deployments(overlay(name)).items():
                for one in service_container(deployment)["envFrom"]:
                    self.assertRegex(one["configMapRef"]["name"], rf"^portico-(common|{service})-[a-z0-9]{{10}}$")
        change = "configMapGenerator:\n  - name: portico-common\n    behavior: merge\n    literals: [PORTICO_LOG=debug]\n"
        before, after = (service_container(deployments(one)["tickets"])["envFrom"] for one in [with_components(), with_components(extra=change)])
        self.assertNotEqual(before[0], after[0])
        self.assertEqual(before[1], after[1])

    def test_logs_are_json_on_standard_output_and_their_level_is_a_setting(self):
        """K30: no volume takes a log."""
        for name in OVERLAYS:
            for deployment in deployments(overlay(name)).values():
                given = environment(overlay(name), deployment)
                self.assertEqual(given["PORTICO_LOG_FORMAT"], "json")
                self.assertIn("PORTICO_LOG", given)
                self.assertFalse([one for one in pod(deployment)["volumes"] if "log" in one["name"]])


class Secrets(unittest.TestCase):
    def test_secrets_are_mounted_as_files_and_come_from_elsewhere(self):
        """K18."""
        for name in OVERLAYS:
            self.assertEqual(of_kind(overlay(name), "Secret"), [])
            for service, deployment in deployments(overlay(name)).items():
                container = service_container(deployment)
                self.assertFalse([one for one in container.get("env", []) if "valueFrom" in one])
                self.assertFalse([one for one in container["envFrom"] if "secretRef" in one])
                (volume,) = [one["projected"] for one in pod(deployment)["volumes"] if "projected" in one]
                self.assertEqual(volume["defaultMode"], 0o440)
                names = {one["secret"]["name"] for one in volume["sources"] if "secret" in one}
                self.assertTrue(names <= {f"portico-{service}", "portico-operator", f"portico-{service}-db-ca", "portico-nats-tls"}, names)

    def test_the_repository_holds_no_secret(self):
        """K18."""
        for path in K8S.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                text = path.read_text()
                self.assertNotIn("BEGIN " + "PRIVATE KEY", text, path)
                self.assertNotRegex(text, r"(postgres|nats|tls|smtp)://\w+:[^{@\s]{8,}@", path)

    def test_the_script_makes_every_secret_that_is_mounted_and_keeps_what_is_there(self):
        """K18, K38: a second run changes nothing, so whoever installs again takes over what runs."""
        with tempfile.TemporaryDirectory() as folder:
            made = make_secrets(folder, "--s3", self.bucket(folder), "--backups", self.backups(folder))
            first = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
            self.assertTrue(all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in first))
            make_secrets(folder, "--s3", self.bucket(folder))
            self.assertEqual(first, {path: path.read_bytes() for path in made.rglob("*") if path.is_file()})
            listed = json.loads((made / "kustomization.yaml").read_text())
            keys = {one["name"]: {name.split("=")[0].rsplit("/")[-1] for name in one["files"]} for one in listed["secretGenerator"]}
            for service, deployment in deployments(overlay("production")).items():
                for one in next(one["projected"] for one in pod(deployment)["volumes"] if "projected" in one)["sources"]:
                    if "secret" in one and not one["secret"]["name"].endswith(("-db-ca", "-nats-tls")):
                        self.assertTrue({item["key"] for item in one["secret"].get("items", [])} <= keys[one["secret"]["name"]])
                self.assertTrue({"portico.toml", "secret", "service.key"} <= keys[f"portico-{service}"])
                self.assertEqual("[s3]" in (made / service / "portico.toml").read_text(), service != "identity")
            for service in BACKENDS:
                cluster = named(overlay("production"), "Cluster", f"portico-{service}-db")
                self.assertEqual(keys[cluster["spec"]["bootstrap"]["initdb"]["secret"]["name"]], {"password"})
            self.assertEqual(keys["portico-nats-users"], {*SERVICES, "sys"})
            # What the databases' backups are told their keys by.
            for store in of_kind(overlay("production"), "ObjectStore"):
                for one in store["spec"]["configuration"]["s3Credentials"].values():
                    self.assertIn(one["key"], keys[one["name"]])
            self.assertEqual((made / "backups/SECRET_ACCESS_KEY").read_text(), "d")

    def test_a_key_pair_signs_what_its_public_half_accepts(self):
        """K18: in the form that the services read, seed and public half in hexadecimal."""
        with tempfile.TemporaryDirectory() as folder:
            made = make_secrets(folder)
            private = bytes.fromhex((made / "tickets/service.key").read_text())
            public = bytes.fromhex((made / "public/tickets.pub").read_text())
            self.assertEqual((len(private), private[32:]), (64, public))
            # The public half follows from the seed.
            document = bytes.fromhex("302e020100300506032b657004220420") + private[:32]
            done = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"], input=document, capture_output=True, check=True)
            self.assertEqual(done.stdout[-32:], public)

    def test_an_external_store_gives_the_same_keys(self):
        """K18."""
        made = of_kind(with_components("external-secrets"), "ExternalSecret")
        found = {one["metadata"]["name"]: {key["secretKey"] for key in one["spec"]["data"]} for one in made}
        wanted = {f"portico-{service}": {"portico.toml", "secret", "service.key"} for service in SERVICES}
        wanted["portico-notifier"] |= {"smtp-password"}
        self.assertEqual(found, {**wanted, "portico-operator": {"operator-token", "installation.json"}})

    def test_the_guide_names_every_secret_that_something_reads(self):
        """K18: also those that no pod of ours mounts."""
        named_there = set(re.findall(r"`(portico-[\w-]+)`", guide().split("\n### Secrets\n")[1].split("\n## ")[0]))
        for one in ["portico-operator", "portico-backups", "portico-nats-users", "portico-SERVICE", "portico-SERVICE-db-owner"]:
            self.assertIn(one, named_there)

    def backups(self, folder):
        file = pathlib.Path(folder) / "backups.toml"
        file.write_text('access_key_id = "c"\nsecret_access_key = "d"\n')
        return str(file)

    def bucket(self, folder):
        file = pathlib.Path(folder) / "s3.toml"
        file.write_text('[s3]\nendpoint = "https://s3.example.com"\naccess_key_id = "a"\nsecret_access_key = "b"\n')
        return str(file)


class WhatStays(unittest.TestCase):
    def test_data_are_not_what_an_uninstall_selects(self):
        """K38: whatever holds data has another part-of than the services, by which the guide's command deletes."""
        self.assertIn(f"-l {PART}=portico\n", guide())
        for name in OVERLAYS:
            for one in of_kind(overlay(name), "Cluster", "StatefulSet", "PersistentVolumeClaim", "ObjectStore", "ScheduledBackup", "Namespace"):
                self.assertNotEqual(one["metadata"]["labels"].get(PART), "portico", one["metadata"]["name"])

    def test_names_and_selectors_are_those_of_the_last_install(self):
        """K38: nothing that is generated anew each time names what holds data."""
        claims = [one["metadata"]["name"] for one in of_kind(overlay("production"), "Cluster")]
        self.assertEqual(sorted(claims), sorted(f"portico-{service}-db" for service in BACKENDS))
        self.assertEqual(yaml.safe_load((K8S / "components/nats/values.yaml").read_text())["config"]["jetstream"]["fileStore"]["pvc"]["enabled"], True)


def make_secrets(folder, *options):
    made = pathlib.Path(folder) / "secrets"
    subprocess.run([str(K8S / "secrets"), str(made), *options], check=True, capture_output=True)
    return made
