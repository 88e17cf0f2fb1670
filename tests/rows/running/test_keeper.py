"""Kept answers of a run: when they are written, and what is said of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import core_schema

from eighty80_jupyter.api.reply import Usage
from eighty80_jupyter.rows.running.answer import Answer
from eighty80_jupyter.rows.running.keeping import Keeper
from eighty80_jupyter.storage.answers import Answers, Kept
from eighty80_jupyter.structured.asking import TypedAnswer
from eighty80_jupyter.structured.shape import shape_of
from tests.rows.virtual import VirtualClient, VirtualLoop, run_virtually


class Loop(VirtualLoop):
    """A loop on a clock that jumps, whose threads do their work after `late` seconds of it."""

    def __init__(self, late: float = 0.0) -> None:
        super().__init__()
        self._late = late

    def run_in_executor(  # type: ignore[override]  # that one is generic
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        assert executor is None
        future = self.create_future()
        self.call_later(self._late, lambda: future.set_result(func(*args)))
        return future


class Noted(Answers):
    """Answers in memory; `written` are the sizes of what was written, and when."""

    def __init__(self, now: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__()
        self.path = None
        self.written: list[tuple[int, float]] = []
        self._now = now

    def put_many(self, answers: Sequence[tuple[bytes, Kept]]) -> None:
        self.written.append((len(answers), self._now()))
        super().put_many(answers)


def virtually(make: Callable[[], Coroutine[Any, Any, None]], *, late: float = 0.0) -> None:
    """Run a coroutine on such a loop."""
    loop = Loop(late)
    try:
        loop.run_until_complete(make())
    finally:
        loop.close()


def key(number: int) -> bytes:
    """Return a key."""
    return number.to_bytes(16, "big")


def test_answers_are_written_64_at_a_time_or_after_half_a_second() -> None:
    """What a killed kernel loses is bounded by both; the end writes the rest."""

    async def work() -> None:
        loop = asyncio.get_running_loop()
        answers = Noted(loop.time)
        keeper = Keeper(answers, fresh=False)
        for number in range(64 + 63):
            keeper.keep(key(number), Answer(text=f"answer {number}"))
        await asyncio.sleep(0.4)
        assert [count for count, _ in answers.written] == [64]
        await asyncio.sleep(0.2)
        await keeper.close()
        assert [count for count, _ in answers.written] == [64, 63]
        assert [at for _, at in answers.written] == [0, 0.5]
        await asyncio.sleep(10)  # no clock is left that writes nothing
        keeper.keep(key(200), Answer(text="late"))
        assert len(answers.written) == 2
        await keeper.close()
        assert [count for count, _ in answers.written] == [64, 63, 1]
        await keeper.close()
        assert len(answers.written) == 3
        found = await keeper.find([key(n) for n in range(300)])
        assert len(found) == 64 + 63 + 1
        assert found[key(5)].text == "answer 5"

    virtually(work)


def test_what_the_server_told_is_kept_along() -> None:
    """The text, how it ended, its usage and the model that served it."""

    async def work() -> None:
        keeper = Keeper(Noted(), fresh=False)
        usage = Usage(prompt_tokens=3, completion_tokens=4)
        keeper.keep(key(1), Answer("a", finish_reason="stop", usage=usage, model="m"))
        await keeper.close()
        kept = (await keeper.find([key(1)]))[key(1)]
        assert (kept.text, kept.finish_reason, kept.model) == ("a", "stop", "m")
        assert kept.usage == {"prompt_tokens": 3, "completion_tokens": 4}

    virtually(work)


def test_fresh_looks_nothing_up_and_keeps_and_without_answers_neither() -> None:
    """A run with --fresh is there for the next one; one with keep=False leaves no trace."""

    async def work() -> None:
        answers = Noted()
        keeper = Keeper(answers, fresh=True)
        keeper.keep(key(1), Answer("a"))
        await keeper.close()
        assert await keeper.find([key(1)]) == {}
        assert answers.get_many([key(1)])[key(1)].text == "a"
        none = Keeper(None, fresh=False)
        none.keep(key(1), Answer("a"))
        assert await none.find([key(1)]) == {}
        await none.close()
        assert none.remark() == ""

    virtually(work)


def test_which_file_it_is_is_said_once_and_a_note_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new file is named, without the name of the user, an old one is not; a note comes first."""

    async def work() -> None:
        answers = Answers(tmp_path / "answers.sqlite")
        keeper = Keeper(answers, fresh=False)
        assert keeper.remark() == ""
        keeper.keep(key(1), Answer("a"))
        await keeper.close()
        remark = keeper.remark()
        assert str(tmp_path / "answers.sqlite") in remark
        assert "--forget-answers" in remark
        assert keeper.remark() == ""
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        answers.new = True
        assert f"kept in {Path('~', 'answers.sqlite')};" in keeper.remark()
        answers.new, answers.note = True, "kept in memory only"
        assert [keeper.remark() for _ in range(2)] == ["kept in memory only"] * 2
        answers.note, answers.path = "", None
        assert keeper.remark() == ""
        answers.close()

    virtually(work)


def test_what_is_being_written_is_waited_for_by_a_run_that_is_cancelled() -> None:
    """The end of a run waits for the thread that writes, cancelled or not."""

    async def work() -> None:
        answers = Noted()
        keeper = Keeper(answers, fresh=False)

        async def ask() -> None:
            try:
                for number in range(64):
                    keeper.keep(key(number), Answer("a"))
                await asyncio.sleep(100)
            finally:
                await keeper.close()

        task = asyncio.create_task(ask())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert len(answers.get_many([key(n) for n in range(64)])) == 64

    virtually(work, late=30)


def test_a_kept_answer_serves_the_duplicates_of_its_row() -> None:
    """They are counted as such, and only what is new is asked."""
    answers = Answers.in_memory()
    run_virtually(VirtualClient(), ["row 1"], answers=answers)
    client = VirtualClient()
    run = run_virtually(client, ["row 1", "row 2", "row 1", "row 2"], answers=answers)
    assert run.values == ["1", "2", "1", "2"]
    assert [prompt for _, prompt in client.sent] == ["Say: row 2"]
    progress = run.progress()
    assert (progress.from_kept, progress.asked, progress.duplicates) == (1, 1, 2)


def test_a_kept_text_that_is_no_answer_any_more_is_asked_for_again() -> None:
    """Where only a check has changed, what was kept is checked again."""
    answers = Answers.in_memory()
    strict, ask = False, VirtualClient(lambda *_: "6")

    class Even(int):
        """A whole number that is even, where that is checked."""

        @classmethod
        def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
            return core_schema.no_info_after_validator_function(
                cls.checked, core_schema.int_schema()
            )

        @classmethod
        def checked(cls, value: int) -> int:
            if strict and value % 2:
                raise ValueError("it is odd")
            return value

    typed = TypedAnswer(shape=shape_of(Even))
    odd = VirtualClient(lambda *_: "7")
    assert run_virtually(odd, ["row 1"], answers=answers, typed=typed).values == [7]
    strict = True
    run = run_virtually(ask, ["row 1"], answers=answers, typed=typed)
    assert run.values == [6]
    assert (run.progress().from_kept, run.progress().asked) == (0, 1)
