"""What stands in several files of the project is the same in all of them."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import eighty80_jupyter

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(name: str) -> str:
    """Return the text of a file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def test_one_version() -> None:
    """The package, its part in JupyterLab, the citation and the CHANGELOG speak of one version."""
    version = eighty80_jupyter.__version__
    extension = json.loads(read("eighty80_jupyter/notebook/lab/extension/package.json"))
    assert extension["version"] == version
    assert yaml.safe_load(read("CITATION.cff"))["version"] == version
    headings = re.findall(r"^## (.+)$", read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased" or headings[0].startswith(version)


def test_one_list_of_pythons() -> None:
    """The classifiers, the workflow and the matrix name the same versions of Python."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    named = [c.rpartition(" ")[2] for c in project["classifiers"] if "Python :: 3." in c]
    jobs = yaml.safe_load(read(".github/workflows/test.yml"))["jobs"]
    assert jobs["linux"]["strategy"]["matrix"]["python"] == named
    assert project["requires-python"] == f">={named[0]}"
    assert all(f'"python-{version}"' in read("tools/matrix.py") for version in named[1:])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_do_little_and_call_what_there_is(path: Path) -> None:
    """Each may only read unless it says more, ends in time, and calls targets of the Makefile."""
    workflow: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())
    called = re.findall(r"run: make (\w+)", path.read_text(encoding="utf-8"))
    targets = set(re.findall(r"^(\w+):", read("Makefile"), re.MULTILINE))
    assert set(called) <= targets


def test_the_bug_form_asks_for_the_status() -> None:
    """Who reports a bug is asked for what `%chat --status` says."""
    form = yaml.safe_load(read(".github/ISSUE_TEMPLATE/bug.yml"))
    asked = [part["attributes"].get("label", "") for part in form["body"]]
    assert any("%chat --status" in label for label in asked)
