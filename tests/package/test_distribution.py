"""What is released: it is built, installed where nothing else is, and asked.

The tools come with the extra `release`; where they are not installed, nothing is released from.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import eighty80_jupyter
from tests.support.environment import child_environment
from tests.support.scripted import ScriptedServer, stream_reply

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
EXTENSION = "share/jupyter/labextensions/eighty80-jupyter"
# uv is faster; pip alone will do.
UV = importlib.util.find_spec("uv") is not None

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ASK = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in ("%load_ext eighty80_jupyter", "%%chat\\nHello", "reply = %chat And you?"):
    shell.run_cell(cell).raise_error()
print(shell.user_ns["reply"].text, eighty80_jupyter.__file__)
"""


class Built(NamedTuple):
    """The two files of a release."""

    wheel: Path
    sdist: Path


def run(*command: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a program to its end and return what it printed; it must end well."""
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(name="built", scope="module")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the source distribution, and the wheel from it, as a release does."""
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("dist")
    installer = ("--installer", "uv") if UV else ()
    run(sys.executable, "-m", "build", *installer, "--outdir", str(folder), str(ROOT))
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Built(wheel, sdist)


def test_the_files_are_content_with_themselves(built: Built) -> None:
    """The description can be shown, and nothing is in the wheel twice or in a wrong place."""
    pytest.importorskip("twine")
    pytest.importorskip("check_wheel_contents")
    said = run(sys.executable, "-m", "twine", "--no-color", "check", "--strict", *map(str, built))
    assert said.count("PASSED") == 2
    run(sys.executable, "-m", "check_wheel_contents", str(built.wheel))


def test_the_description_leads_nowhere_that_is_not_there(built: Built) -> None:
    """A package index gets no pictures, no links into the project, and the name to install."""
    with zipfile.ZipFile(built.wheel) as wheel:
        (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        _, _, text = wheel.read(name).decode().partition("\n\n")
    assert "](" not in text.replace("](http", "")
    assert "<!--" not in text
    assert "pip install 'eighty80-jupyter[local]'" in text


def test_the_wheel_answers_in_an_empty_environment(built: Built, tmp_path: Path) -> None:
    """Without extras: the extension loads, asks a server, and is one that JupyterLab finds."""
    place = tmp_path / "empty"
    if UV:
        run(sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, str(place))
    else:
        run(sys.executable, "-m", "venv", str(place))
    python = str(place / ("Scripts" if os.name == "nt" else "bin") / "python")
    pip = (sys.executable, "-m", "uv", "pip", "install", "--python", python) if UV else (
        python, "-m", "pip", "install"
    )  # fmt: skip
    run(*pip, "--quiet", str(built.wheel))
    with ScriptedServer() as server:
        server.queue(stream_reply("Good day."), stream_reply("Fine, thanks."))
        env = child_environment(
            tmp_path / "home", {"_8080_API_URL": server.url, "_8080_API_KEY": "sk-package-test"}
        )
        said = run(python, "-P", "-c", f"import eighty80_jupyter{ASK}", env=env, cwd=tmp_path)
    assert "Good day." in said
    assert f"Fine, thanks. {place}" in said
    env = {**os.environ, "JUPYTER_PATH": str(place / "share" / "jupyter")}
    listed = run(sys.executable, "-m", "jupyter", "labextension", "list", "--verbose", env=env)
    assert str(place) in listed
    assert "eighty80-jupyter v" in listed.partition(str(place))[2]
    assert (place / EXTENSION / "static" / "remoteEntry.js").is_file()
    assert (place / "etc" / "jupyter" / "jupyter_config.py").is_file()


def test_the_source_distribution_runs_its_own_tests(built: Built, tmp_path: Path) -> None:
    """All that `make` needs is in it, and tests pass in the unpacked folder."""
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / f"eighty80_jupyter-{eighty80_jupyter.__version__}"
    for name in ("Makefile", "tools/install.sh", "benchmarks/load.py", "docs/conf.py"):
        assert (folder / name).is_file(), name
    assert not list(folder.glob("docs/tutorial/*.ipynb")), "copies of notebooks"
    code = "import eighty80_jupyter; print(eighty80_jupyter.__file__)"
    assert str(folder) in run(sys.executable, "-c", code, cwd=folder)
    tests = ("tests/test_text.py", "tests/test_config.py", "tests/docs/test_pages.py")
    said = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, cwd=folder)
    assert " passed" in said
