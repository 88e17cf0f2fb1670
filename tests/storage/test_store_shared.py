"""Two kernels that save to one file: neither loses what it said."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.storage.store import load, save
from tests.support.talks import plain_exchange, plain_turn, talk


def prompts(file: Path) -> list[list[str]]:
    """Return the prompts of each conversation in a file."""
    return [[turn.prompt for turn in conversation] for conversation in load(file)]


def test_conversations_that_went_apart_are_both_there(tmp_path: Path) -> None:
    """They began as one file; each goes on, and saves in turns with the other."""
    file = save(talk(("a", "1")), tmp_path / "talk.json")
    (one,), (two,) = load(file), load(file)
    told: list[str] = []
    one.commit(plain_turn("of one", "1"))
    save(one, file, tell=told.append)
    assert (prompts(file), told) == ([["a", "of one"]], [])
    two.commit(plain_turn("of two", "2"))
    save(two, file, tell=told.append)
    assert prompts(file) == [["a", "of two"], ["a", "of one"]]
    assert told == ["talk.json holds another conversation too, and keeps it; --load shows all."]
    one.commit(plain_turn("more of one", "1"))
    save(one, file)
    assert prompts(file) == [["a", "of one", "more of one"], ["a", "of two"]]
    assert [conversation.name for conversation in load(file)] == ["main", "main-2"]


def test_what_is_contained_leaves_no_branch(tmp_path: Path) -> None:
    """A kernel that only went on replaces the other's shorter file."""
    file = save(talk(("a", "1")), tmp_path / "talk.json")
    (one,) = load(file)
    for number in range(3):
        one.commit(plain_turn(f"b{number}", "2"))
        save(one, file)
    assert prompts(file) == [["a", "b0", "b1", "b2"]]


def test_an_answer_and_an_instruction_are_kept_too(tmp_path: Path) -> None:
    """Not only turns: another alternative, or another instruction, is somebody's data."""
    file = save(talk(("a", "1")), tmp_path / "talk.json")
    (one,), (two,) = load(file), load(file)
    one.add_alternative(one[0].id, plain_exchange("a", "another answer"))
    save(one, file)
    save(two, file)
    assert [c[0].reply.text for c in load(file)] == ["1", "another answer"]
    (one, _) = load(file)
    one.system = "Be brief."
    save(one, file)
    save(two, file)
    assert "Be brief." in {c.system for c in load(file)}


steps = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(["ask", "again", "undo", "save", "load"])),
    max_size=20,
)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=steps)
def test_whatever_two_kernels_do_what_one_saved_last_is_there(
    tmp_path: Path, steps: list[tuple[int, str]]
) -> None:
    """The file always holds each one's last saved state, whatever the other did since."""
    file = tmp_path / "shared.json"
    file.unlink(missing_ok=True)
    kernels = [Conversation("main"), Conversation("main")]
    saved: list[set[tuple[str, str]]] = [set(), set()]
    for number, (who, what) in enumerate(steps):
        kernel = kernels[who]
        match what:
            case "ask":
                kernel.commit(plain_turn(f"{who} asks {number}", "1"))
            case "again" if len(kernel):
                kernel.add_alternative(kernel[-1].id, plain_exchange("x", f"{who} {number}"))
            case "undo" if len(kernel):
                kernel.undo()
            case "save":
                save(kernel, file)
                saved[who] = contents(kernel)
            case "load" if file.exists():
                # The other one's data is now in two kernels; either may go on with it.
                kernels[who] = load(file)[0]
                saved[who] = set()
        there = set().union(*map(contents, load(file))) if file.exists() else set()
        own = saved[0] | saved[1] if "load" not in {w for _, w in steps} else saved[who]
        if what == "save":
            assert own <= there


def contents(conversation: Conversation) -> set[tuple[str, str]]:
    """Return every answer, with the turn that it belongs to."""
    return {
        (turn.id, alternative.reply.text)
        for turn in conversation
        for alternative in turn.alternatives
    }


@pytest.mark.slow
def test_processes_that_save_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    """Three kernels save forty times each, as fast as they can; the last of each is there."""
    file = tmp_path / "talk.json"
    code = textwrap.dedent(
        """
        import sys
        from eighty80_jupyter.conversation.conversation import Conversation
        from eighty80_jupyter.storage.store import save
        from tests.support.talks import plain_turn
        who, file = sys.argv[1:]
        mine = Conversation("main")
        for number in range(40):
            mine.commit(plain_turn(f"{who} asks {number}", "1"))
            save(mine, file)
        """
    )
    names = ["one", "two", "three"]
    running = [subprocess.Popen([sys.executable, "-c", code, name, str(file)]) for name in names]
    assert [process.wait(90) for process in running] == [0, 0, 0]
    found = {tuple(each) for each in prompts(file)}
    assert found == {tuple(f"{name} asks {n}" for n in range(40)) for name in names}
    assert [path.name for path in tmp_path.iterdir()] == ["talk.json"]
