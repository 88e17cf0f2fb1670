"""Fixtures of every test: no way to the real API, a scripted server, real kernels."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from eighty80_jupyter.local import start
from eighty80_jupyter.session import loop_thread
from eighty80_jupyter.storage import journal
from tests.support.again import end_fixtures
from tests.support.environment import jupyter_variables, project_variables
from tests.support.reports import escaped
from tests.support.scripted import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from eighty80_jupyter.local.server import LocalServer
    from tests.support.kernel import KernelSession

BROWSER = Path(__file__).parent / "browser"
STARTERS = frozenset({"KernelSession", "NotebookClient", "subprocess"})  # of other programs

# A shell has those that it runs in the background ignore Ctrl-C, and they pass that on; many tests
# send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes is the machine's affair. The rest is as Hypothesis has it, in CI too.
settings.register_profile(
    "patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the browser's tests last: what the others find is found sooner.

    In CI those that drive other programs (a browser, a kernel, a model) are tried once more where
    they fail, as JupyterLab's own are: a machine that others use may be slow in odd places. What
    was tried again stands in the report, with what it said the first time.
    """
    for item in items:
        if BROWSER in item.path.parents:
            item.add_marker("browser")
            item.add_marker(pytest.mark.timeout(300))
        if os.environ.get("CI") and drives_others(item):
            item.add_marker(pytest.mark.flaky(reruns=1))
    items.sort(key=lambda item: BROWSER in item.path.parents)


def drives_others(item: pytest.Item) -> bool:
    """Tell whether a test waits for a browser, a kernel, the embedded model or a slow program."""
    marks = {mark.name for mark in item.iter_markers()}
    kernel = any("kernel" in name for name in getattr(item, "fixturenames", ()))
    program = "slow" in marks and not STARTERS.isdisjoint(vars(getattr(item, "module", item)))
    return kernel or program or not marks.isdisjoint({"browser", "real"})


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin the second try of a test with new fixtures."""
    if getattr(item, "execution_count", 1) > 1:
        end_fixtures(item)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Make each report fit to pass between the processes of pytest-xdist."""
    return escaped((yield))


@pytest.fixture(scope="session", name="jupyter_home")
def _jupyter_home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return jupyter_variables(tmp_path_factory.mktemp("home"))


@pytest.fixture(autouse=True)
def _isolation(monkeypatch: pytest.MonkeyPatch, jupyter_home: dict[str, str]) -> None:
    """Hide the developer's key, address and Jupyter settings from every test."""
    for name in project_variables(os.environ):
        monkeypatch.delenv(name)
    for name, value in jupyter_home.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let threads that end be waited for, however busy the machine is."""
    monkeypatch.setattr(loop_thread, "_STOP_SECONDS", 60.0)
    monkeypatch.setattr(journal, "_CLOSE_SECONDS", 60.0)


@pytest.fixture(name="local", scope="module")
def _local() -> Iterator[LocalServer]:
    """Give the embedded model's server to all tests of a file."""
    with start() as server:
        yield server


@pytest.fixture(name="server")
def _server() -> Iterator[ScriptedServer]:
    """Give a scripted server that ends with the test."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture(name="kernel")
def _kernel(tmp_path: Path) -> Iterator[Callable[..., KernelSession]]:
    """Give a factory of kernels: `kernel(env={...}, startup="...")`, ended with the test.

    They work in the test's own temporary folder.
    """
    from tests.support.kernel import KernelSession  # noqa: PLC0415 - slow, and few tests need it

    with contextlib.ExitStack() as stack:

        def start(**settings: Any) -> KernelSession:
            return stack.enter_context(KernelSession(**{"cwd": tmp_path, **settings}))

        yield start
