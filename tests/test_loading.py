"""Late modules are imported where no interrupt arrives, and before they are needed."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from eighty80_jupyter import loading
from tests.support.kernel import KernelSession
from tests.support.scripted import ScriptedServer, answer
from tests.support.waiting import wait_until

LOAD = "%load_ext eighty80_jupyter"
REPLY = "# Hi\n\n```python\nx = 1\n```\n\nA formula: $x$."
# Forks a fresh process for each moment off one that has loaded the extension and nothing late.
MOMENTS = Path(__file__).parent / "data" / "interrupted_imports.py"


def test_a_module_is_imported_in_another_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The main thread only waits, and the module is there afterwards."""
    (tmp_path / "late_module.py").write_text("import threading\nwho = threading.current_thread()\n")
    monkeypatch.syspath_prepend(tmp_path)
    loading.require("late_module")
    who = sys.modules.pop("late_module").who
    assert who is not threading.main_thread()
    loading._loaded.discard("late_module")


def test_what_an_import_raises_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that fails is told to whoever needs it, and tried again the next time."""
    (tmp_path / "bad_module.py").write_text("raise RuntimeError('broken')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken"):
            loading.require("bad_module")
    with pytest.raises(ModuleNotFoundError):
        loading.require("no_module_of_this_name")


def test_warming_up_waits_for_the_kernel_to_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is begun while a cell runs, and everything once none does; a fork is no trouble."""
    (tmp_path / "warm_module.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(loading, "_QUIET_SECONDS", 0.01)
    warm_up = loading.WarmUp("warm_module", "no_module_of_this_name", "never_reached")
    warm_up.idle()
    warm_up.busy()
    assert warm_up._thread is not None
    warm_up.idle()
    wait_until(lambda: "warm_module" in loading._loaded, what="the import")
    warm_up._thread.join(60)
    warm_up.close()
    sys.modules.pop("warm_module")
    loading._loaded.discard("warm_module")


def test_two_threads_import_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No module is imported while another thread is in the middle of one; forks wait a while."""
    (tmp_path / "other_module.py").write_text("")
    (tmp_path / "slow_module.py").write_text(
        "import threading\nbegun, go_on = threading.Event(), threading.Event()\n"
        "begun.set()\ngo_on.wait(60)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(loading, "_FORK_SECONDS", 0.01)
    threads = [
        threading.Thread(target=loading.require, args=(name,))
        for name in ("slow_module", "other_module")
    ]
    threads[0].start()
    wait_until(lambda: hasattr(sys.modules.get("slow_module"), "go_on"), what="the slow import")
    try:
        threads[1].start()
        loading._before_fork()
        loading._after_fork()
        assert "other_module" not in loading._loaded
    finally:
        sys.modules["slow_module"].go_on.set()
        for thread in threads:
            thread.join(60)
    assert loading._loaded >= {"slow_module", "other_module"}
    loading._loaded -= {"slow_module", "other_module"}
    del sys.modules["slow_module"], sys.modules["other_module"]


def test_warming_up_can_be_ended() -> None:
    """A kernel that ends waits for no cell to be over."""
    warm_up = loading.WarmUp("never_imported")
    warm_up.idle()
    warm_up.busy()
    warm_up.close()
    assert warm_up._thread is not None
    assert not warm_up._thread.is_alive()
    assert "never_imported" not in loading._loaded


@pytest.mark.slow
def test_the_kernel_warms_up_by_itself() -> None:
    """Some moments after `%load_ext` all that the first prompt needs is there."""
    with KernelSession(startup=LOAD) as kernel:
        late = "{'aiohttp', 'markdown', 'nh3', 'eighty80_jupyter.wire.client'}"
        look = f"import sys; print(sorted({late} - set(sys.modules)))"
        wait_until(lambda: kernel.run(look).stdout == "[]\n", interval=0.3, what="the imports")
        assert "ipywidgets" not in kernel.run("import sys; print(list(sys.modules))").stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_interrupts_at_forty_moments_break_nothing() -> None:
    """Whenever the first prompt is interrupted, every later one works."""
    with ScriptedServer(answer(REPLY)) as server:
        command = [sys.executable, str(MOMENTS), server.url, "40"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=560, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    interrupted, good = map(int, done.stdout.split()[-2:])
    assert good == 40
    assert interrupted >= 10


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.25])
def test_a_kernel_that_was_interrupted_in_its_first_prompt(seconds: float) -> None:
    """The same in a kernel of its own, as a user has it."""
    begin = (
        f"import signal, time\n{'signal.setitimer(signal.ITIMER_REAL, ' + str(seconds) + ')'}\n"
        "get_ipython().run_cell_magic('chat', '', 'hi')"
    )
    arm = "import signal\nsignal.signal(signal.SIGALRM, signal.default_int_handler)"
    with ScriptedServer(answer(REPLY)) as server:
        variables = {"_8080_API_URL": server.url, "_8080_API_KEY": "any-key"}
        with KernelSession(env=variables, startup=f"{arm}\n{LOAD}") as kernel:
            kernel.run(begin)
            kernel.run("signal.setitimer(signal.ITIMER_REAL, 0)")
            for _ in range(2):
                result = kernel.run("%%chat\nhi")
                assert result.ok, result.error
