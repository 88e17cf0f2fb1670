"""A kernel session shows what a notebook would show."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.kernel import KernelSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", name="session")
def _session() -> Iterator[KernelSession]:
    with KernelSession(startup="from IPython.display import *") as session:
        yield session


def test_streams_and_results_are_collected(session: KernelSession) -> None:
    """Both streams and the last value of a cell are seen."""
    result = session.run("import sys\nprint('a')\nprint('b')\nprint('c', file=sys.stderr)\n6 * 7")
    assert result.ok
    assert (result.stdout, result.stderr) == ("a\nb\n", "c\n")
    assert result.data() == ["42"]
    assert [output["output_type"] for output in result.outputs][-1] == "execute_result"


def test_updates_are_applied_to_earlier_cells_too(session: KernelSession) -> None:
    """An update by display id changes the output in the cell that made it."""
    first = session.run("display('one', display_id='d');")
    second = session.run("update_display('two', display_id='d')")
    assert first.data() == ["'two'"]
    assert second.outputs == []
    assert [message.type for message in second.updates()] == ["update_display_data"]


def test_clear_output_is_obeyed(session: KernelSession) -> None:
    """Cleared outputs are gone, at once or with the next output."""
    assert session.run("print(1); clear_output()").outputs == []
    assert session.run("print(1); clear_output(wait=True); print(2)").stdout == "2\n"
    assert session.run("print(1); clear_output(wait=True)").stdout == "1\n"


def test_an_error_is_told(session: KernelSession) -> None:
    """A failing cell has its error's name, text and traceback."""
    result = session.run("1/0")
    assert not result.ok
    assert result.error is not None
    assert (result.error.ename, result.error.evalue) == ("ZeroDivisionError", "division by zero")
    assert "1/0" in result.error.plain
    assert result.outputs[-1]["ename"] == "ZeroDivisionError"


def test_a_running_cell_can_be_interrupted(session: KernelSession) -> None:
    """A cell that hangs is seen running and ends with KeyboardInterrupt."""
    result = session.submit("import time\nprint('on', flush=True)\ntime.sleep(600)")
    session.wait_for(lambda: result.stdout == "on\n", what="the first output")
    assert result.status == "running"
    session.interrupt()
    session.finish(result)
    assert result.error is not None
    assert result.error.ename == "KeyboardInterrupt"


def test_what_comes_after_a_cell_is_waited_for(session: KernelSession) -> None:
    """Output of a thread arrives in its cell though the cell has ended."""
    result = session.run(
        "import threading\nparent = get_ipython().kernel.get_parent()\n"
        "display('early', display_id='late');\ngo = threading.Event()\n"
        "def work():\n    go.wait(60)\n    update_display('late', display_id='late')\n"
        "threading.Thread(target=work).start()"
    )
    session.run("go.set()")
    session.wait_for(lambda: result.data() == ["'late'"])


def test_waiting_in_vain_says_what_runs(session: KernelSession) -> None:
    """A wait that runs out names what was expected."""
    with pytest.raises(TimeoutError, match="expected rain; the kernel is alive, running"):
        session.wait_for(lambda: False, timeout=0.1, what="rain")


def test_completions_are_listed(session: KernelSession) -> None:
    """The kernel's completions can be asked for."""
    assert session.complete("%load_e") == ["%load_ext"]


def test_the_environment_is_passed_and_isolated(
    kernel: Callable[..., KernelSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel sees the variables given to it, and none of the developer's."""
    monkeypatch.setenv("_8080_API_KEY", "of the developer")
    monkeypatch.setenv("IPYTHONDIR", "/nowhere")
    before = set(threading.enumerate())
    session = kernel(env={"_8080_API_URL": "http://127.0.0.1:1"})
    result = session.run(
        "import os\nprint(os.environ['_8080_API_URL'], '_8080_API_KEY' in os.environ,"
        " get_ipython().ipython_dir)"
    )
    url, key, folder = result.stdout.split()
    assert (url, key) == ("http://127.0.0.1:1", "False")
    assert folder != "/nowhere"
    session.close()
    assert not session.alive
    assert set(threading.enumerate()) <= before


def test_a_dead_kernel_is_noticed(kernel: Callable[..., KernelSession]) -> None:
    """A wait on a kernel whose process has ended does not last until the timeout."""
    with pytest.raises(RuntimeError, match="process has ended"):
        kernel().run("import os; os._exit(1)")
