"""Migrations after the first: what squawk says about them, so that the version before works on the newer schema."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from manifests import CHECKOUT, K8S

# What was looked at, and why it disturbs nobody.
ALLOWED = {
    ("tickets", "0003_bounded_search.sql", "ban-drop-function"): "made anew with a bound in the same transaction; nothing was shipped between 0002 and it",
    ("chassis", "0011_journal_partitions.sql", "renaming-table"): "the name stays: a partitioned table takes it in the same transaction",
    ("chassis", "0011_journal_partitions.sql", "renaming-object"): "the key of the table that becomes a partition; no statement names it",
}


def complaints(files):
    """(file, rule) of what squawk finds."""
    order = [os.environ.get("PORTICO_SQUAWK", "squawk"), "--config", str(K8S / "squawk.toml"), "--reporter", "json", *map(str, files)]
    done = subprocess.run(order, capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert done.returncode == (1 if found else 0), done.stderr
    return {(pathlib.Path(one["file"]), one["rule_name"]) for one in found}


class Migrations(unittest.TestCase):
    def test_they_take_nothing_from_the_version_before(self):
        """K19, K37: expand alone. What a version no longer needs goes later, in a migration named `contract`."""
        files = [one for one in sorted(CHECKOUT.glob("services/*/migrations/*.sql")) if not one.name.startswith("0001_") and "contract" not in one.name]
        self.assertGreater(len(files), 5)
        found = {(path.parent.parent.name, path.name, rule) for path, rule in complaints(files)}
        self.assertEqual(found, set(ALLOWED))

    def test_they_are_really_looked_at(self):
        """K19."""
        with tempfile.TemporaryDirectory() as folder:
            for number, (statement, rule) in enumerate({
                "ALTER TABLE ticket DROP COLUMN subject;": "ban-drop-column",
                "ALTER TABLE ticket RENAME COLUMN subject TO title;": "renaming-column",
                "ALTER TABLE ticket ALTER COLUMN subject TYPE varchar(10);": "changing-column-type",
                "ALTER TABLE ticket ADD COLUMN wanted text NOT NULL;": "adding-required-field",
                "DROP TABLE ticket;": "ban-drop-table",
            }.items()):
                file = pathlib.Path(folder) / f"{number}.sql"
                file.write_text(statement + "\n")
                with self.subTest(statement=statement):
                    self.assertIn((file, rule), complaints([file]))
