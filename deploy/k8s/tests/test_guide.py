"""The guide and the scripts that it tells to run."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

from manifests import CHECKOUT, K8S, guide, source
from minors import newest

# Stands for kubectl: keeps what is applied, and answers what the script asks for. FAILS is a Job that failed.
KUBECTL = """#!/usr/bin/env bash
echo "$*" >>"$CALLS/log"
case "$*" in
  apply*) "$PORTICO_KUBECTL" kustomize "$3" >"$CALLS/applied.yaml" ;;
  *logs*) echo "identity reads tickets" ;;
  *succeeded*) [ -n "${FAILS:-}" ] || echo 1 ;;
esac
"""


class Guide(unittest.TestCase):
    def test_every_folder_and_command_that_it_names_is_there(self):
        named = set(re.findall(r"`?\b((?:deploy/k8s|components|overlays|examples)/[\w./-]+)", guide()))
        self.assertGreater(len(named), 20)
        for name in named:
            # An overlay of the reader's own is a copy of `site`.
            path = name.rstrip("./").replace("/NAME", "/site")
            self.assertTrue((CHECKOUT / path).exists() or (K8S / path).exists(), name)

    def test_it_tells_what_large_organisations_ask(self):
        """K34, K37: many portals or many installations, how to go on a version and back."""
        headings = set(re.findall(r"^## (.+)$", guide(), re.M))
        wanted = {"Ports", "Install", "Settings", "Sizes", "Many portals, many installations", "Encryption on the way", "Seen from outside", "Upgrade",
                  "Back up", "Restore", "Uninstall, and install again", "Images for an air-gapped site", "Security in short"}
        self.assertEqual(wanted - headings, set())
        upgrade = guide().split("\n## Upgrade\n")[1].split("\n## ")[0]
        self.assertIn("Versions N and N−1", upgrade)
        self.assertIn("**Back to the version before:**", upgrade)

    def test_what_it_says_about_two_versions_is_checked(self):
        """K37: contracts are compared with those that were shipped, in every run of the checks."""
        checks = source("test")
        (stages,) = re.findall(r"^all_stages=\(([^)]+)\)", checks, re.M)
        self.assertIn("contracts", stages.split())
        (compared,) = re.findall(r"buf\" breaking --against (\S+)", checks)
        self.assertGreater((CHECKOUT / compared).stat().st_size, 1000)

    def test_its_ports_are_those_of_the_manifests(self):
        """K40."""
        listed = set(re.findall(r"^\| (\d+) \|", guide().split("\n## Ports\n")[1].split("\n## ")[0], re.M))
        template = yaml.safe_load((K8S / "base/template/deployment.yaml").read_text())
        ports = {str(one["containerPort"]) for one in template["spec"]["template"]["spec"]["containers"][0]["ports"]}
        self.assertTrue(ports | {"8080", "5432", "4222"} <= listed)

    def test_manifests_are_validated_for_the_three_newest_minors(self):
        """K36: of those that the validator knows."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ["v1.9.0-local", "v1.34.2-local", "v1.35.0-local", "v1.35.0-local-strict", "v1.36.0-local", "README"]:
                (pathlib.Path(folder) / name).mkdir()
            self.assertEqual(newest(pathlib.Path(folder)), ["1.34", "1.35", "1.36"])
        check = (K8S / "check").read_text()
        self.assertIn('minors=$("$bin/python" deploy/k8s/tests/minors.py)', check)
        self.assertIn('kubernetes-validate" --strict', check)


class Operator(unittest.TestCase):
    def run_it(self, *arguments, **variables):
        """Its exit code, what it printed, what it asked kubectl, and the Job that it applied."""
        with tempfile.TemporaryDirectory() as folder:
            stub = pathlib.Path(folder) / "kubectl"
            stub.write_text(KUBECTL)
            stub.chmod(0o755)
            env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "CALLS": folder, **variables}
            done = subprocess.run([str(K8S / "operator/run"), *arguments], env=env, capture_output=True, text=True)
            asked = (pathlib.Path(folder) / "log").read_text().splitlines()
            applied = [one for one in yaml.safe_load_all((pathlib.Path(folder) / "applied.yaml").read_text()) if one["kind"] == "Job"]
            return done.returncode, done.stdout, asked, applied

    def test_arguments_arrive_as_they_were_given(self):
        words = ["portal", "create", "acme", "--title", 'ACME\'s "Help": #1', "--profile", "helpdesk"]
        code, said, asked, (job,) = self.run_it(*words, PORTICO_NAMESPACE="support")
        self.assertEqual((code, said), (0, "identity reads tickets\n"))
        self.assertEqual(job["spec"]["template"]["spec"]["containers"][0]["args"], words)
        self.assertEqual(job["metadata"]["namespace"], "support")
        self.assertTrue(asked[-1].startswith("delete -k"), "nothing is left behind")
        self.assertFalse(list(K8S.glob(".operator-*")))

    def test_a_command_that_fails_fails(self):
        code, _, asked, _ = self.run_it("inboxes", FAILS="yes")
        self.assertNotEqual(code, 0)
        self.assertTrue(asked[-1].startswith("delete -k"))

    def test_the_job_is_told_where_the_services_are(self):
        """The file of the Secret is what the command reads (`Status::of_installation`)."""
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([str(K8S / "secrets"), folder], check=True, capture_output=True)
            told = json.loads((pathlib.Path(folder) / "operator/installation.json").read_text())
        self.assertEqual(set(told), {"public", "grpc", "operator_token"})
        self.assertEqual(told["grpc"]["tickets"], "portico-tickets:7000")
