"""Prints the three newest minors of Kubernetes that the validator knows."""
import pathlib
import re

import kubernetes_validate


def newest(folder):
    """The last three of the minors that have a folder of schemas, oldest first."""
    found = (re.match(r"v1\.(\d+)\.\d+-local", path.name) for path in folder.iterdir())
    minors = sorted({int(one.group(1)) for one in found if one})
    return [f"1.{minor}" for minor in minors[-3:]]


if __name__ == "__main__":
    print(*newest(pathlib.Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"))
