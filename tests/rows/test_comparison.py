"""`chat.compare`: variants over the same rows, beside the truth."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from eighty80_jupyter import EvaluationError, RowComparison
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import RowsError, UsageError
from eighty80_jupyter.session.session import Session
from tests.support.replies import Reply, chat_reply, error_reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripted import ScriptedServer
    from tests.support.wire import Request

COUNT = 60


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    """Give a session whose model is right on every row but each seventh; terse: each third."""

    def answer(request: Request) -> Reply | None:
        if request.method != "POST":
            return None
        asked = request.json
        prompt = asked["messages"][-1]["content"]
        number = int(re.findall(r"\d+", prompt)[-1])
        wrong = number % (3 if "terse" in prompt else 7) == 0
        if asked.get("model") == "broken":
            return error_reply(400, "this model is broken")
        label = ("feature", "bug")[(number % 2) ^ wrong]
        return chat_reply("no idea" if asked.get("seed") == 13 else label)

    server.handler = answer
    config = ChatConfig(keep_answers=False, max_retries=0, repairs=0)
    session = Session(config, environ={"_8080_API_URL": server.url})
    yield session
    session.close()


def frame() -> pd.DataFrame:
    labels: list[str | None] = [("feature", "bug")[n % 2] for n in range(COUNT)]
    labels[5] = None
    return pd.DataFrame({"text": [f"ticket {n}" for n in range(COUNT)], "y": labels})


PROMPTS = {"terse": "terse: {{text}}", "long": "Please classify {{text}}"}


def test_scores_against_the_truth(session: Session, server: ScriptedServer) -> None:
    """Each variant is asked once for each row, and scored on the rows that are labelled."""
    found = session.compare(frame(), PROMPTS, returns=["bug", "feature"], truth="y")
    assert isinstance(found, RowComparison)
    assert len(server.chats) == 2 * COUNT
    table = found.to_frame().set_index("variant")
    known = [n for n in range(COUNT) if n != 5]
    assert table.loc["terse", "rows"] == len(known)
    assert table.loc["terse", "accuracy"] == pytest.approx(sum(n % 3 != 0 for n in known) / 59)
    assert table.loc["long", "accuracy"] == pytest.approx(sum(n % 7 != 0 for n in known) / 59)
    assert math.isnan(table.loc["long", "p"])
    assert not table.loc["terse", "may_be_chance"]
    counts = found.confusion("long")
    assert counts.to_numpy().sum() == 59
    assert counts.loc["bug", "feature"] == sum(n % 7 == 0 and n % 2 for n in known)
    assert set(found.table.disagreements) == {n for n in known if (n % 3 == 0) != (n % 7 == 0)}
    assert "ticket 3" in found.text_of(3)


def test_parameters_are_varied(session: Session, server: ScriptedServer) -> None:
    """Every prompt with every value is a variant; a row that failed counts as wrong."""
    found = session.compare(
        frame(), "classify {{text}}", returns=["bug", "feature"], truth="y", vary={"seed": [1, 13]}
    )
    assert list(found.runs) == ["seed = 1", "seed = 13"]
    assert {request.json["seed"] for request in server.chats} == {1, 13}
    good, bad = found.scores
    assert (bad.valid, bad.accuracy) == (0, 0)
    assert math.isnan(good.p)
    assert bad.p < 1e-6


def test_require_is_for_scripts(session: Session) -> None:
    """What is good enough passes, what is not raises an AssertionError with the figures."""
    found = session.compare(frame(), PROMPTS, returns=["bug", "feature"], truth="y")
    found.require(accuracy=0.8, valid=1)
    with pytest.raises(EvaluationError, match=r"accuracy of terse is 0\.\d+ \(0\.\d+ to 0\.\d+\)"):
        found.require("terse", accuracy=0.95)
    with pytest.raises(AssertionError):
        found.require("terse", accuracy=0.95)
    with pytest.raises(UsageError, match="there is no variant 'short'; there are 'terse', 'long'"):
        found.require("short", accuracy=0.5)
    with pytest.raises(UsageError, match="require takes accuracy, valid, macro_f1, kappa"):
        found.require(precision=1)
    without = session.compare(frame(), PROMPTS, returns=["bug", "feature"])
    with pytest.raises(EvaluationError, match="is not known"):
        without.require(accuracy=0.5)


def test_held_out_rows_are_in_no_figure(session: Session) -> None:
    """Half of the labelled rows are looked at on demand only, the same ones each time."""
    found = session.compare(
        frame(), "classify {{text}}", returns=["bug", "feature"], truth="y", holdout=0.5
    )
    seen, held = set(found.table.positions), set(found.held_out.positions)
    assert not seen & held
    assert len(seen | held) == 59
    assert abs(len(seen) - len(held)) <= 1
    assert found.to_frame(held_out=True)["rows"][0] == len(held)
    again = session.compare(
        frame(), "classify {{text}}", returns=["bug", "feature"], truth="y", holdout=0.5
    )
    assert set(again.held_out.positions) == held


def test_records_samples_and_other_tables(session: Session, server: ScriptedServer) -> None:
    """Records are scored by field, samples are voted on, and polars and iterators are rows too."""
    server.handler = None
    server.default = chat_reply('{"label": "bug", "urgent": true}')
    data = pl.DataFrame(
        {"text": ["a", "b", "c"], "l": ["bug", "bug", "x"], "u": [True, False, True]}
    )
    found = session.compare(
        data,
        "classify {{text}}",
        returns="label: str, urgent: bool",
        truth={"label": "l", "urgent": "u"},
        samples=3,
    )
    accuracy = {score.field: score.accuracy for score in found.scores}
    assert accuracy == pytest.approx({"label": 2 / 3, "urgent": 2 / 3, "all fields": 1 / 3})
    prompts: Any = {1: "classify {{text}}"}
    temperatures: Any = np.linspace(0, 1, 2)
    labels = session.compare(
        data.with_columns(y=pl.Series(["Bug", "bug ", "x"])),
        prompts,
        returns="label: bug|x, urgent: bool",
        truth={"label": "y", "urgent": pl.Series([1, None, 0])},
        vary={"temperature": temperatures},
    )
    assert [score.name for score in labels.scores[:2]] == [
        "1, temperature = 0.0", "1, temperature = 1.0",
    ]  # fmt: skip
    assert [score.accuracy for score in labels.scores[::2]] == [0.5, 0.5, 0.5]
    with pytest.raises(UsageError, match="accuracy is a share"):
        labels.require(accuracy="high")  # type: ignore[arg-type]  # as a user may
    texts = session.compare(
        iter(["a", "b"]), "say {{row}}", truth=["BUG", "nothing"], score="contains"
    )
    assert [score.accuracy for score in texts.scores] == [0.5]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"prompts": []}, "prompts are a text, several"),
        ({"vary": {"temperature": 0.5}}, "vary takes the values of temperature in a list"),
        ({"vary": {"temperature": [0, 7]}}, "temperature must be between 0 and 2"),
        ({"vary": {"seed": list(range(17))}}, "at most 16 variants"),
        ({"vary": {"seed": [1, 1]}}, "two variants are the same"),
        ({"vary": {"colour": [1]}}, "colour"),
        ({"truth": "z"}, "there is no column 'z'"),
        ({"truth": ["a"]}, "truth has 1 values for 60 rows"),
        ({"truth": [None] * COUNT}, "truth has no label in any row"),
        ({"score": "fuzzy"}, "score is one of"),
        ({"holdout": 1}, "holdout is a share"),
        ({"holdout": "half"}, "holdout is a share"),
        ({"prompts": 3}, "prompts are a text, several"),
        ({"prompts": ["a {{text}}", "a {{text}}"]}, "two variants are the same"),
        ({"vary": {"seed": [1, 1.0]}}, "two variants are the same"),
        ({"truth": len}, "truth names a column"),
        ({"holdout": 0.5, "truth": None}, "holdout needs a truth"),
        ({"prompts": "nothing of a row"}, "column"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    session: Session, server: ScriptedServer, given: dict[str, Any], said: str
) -> None:
    """One line says what was expected, and nothing is sent."""
    keywords = {"prompts": "classify {{text}}", "truth": "y", **given}
    with pytest.raises(UsageError, match=said):
        session.compare(frame(), keywords.pop("prompts"), **keywords)
    assert server.chats == []


def test_a_variant_that_stops_is_an_error(session: Session) -> None:
    """A model that refuses everything stops its run, and the comparison says why."""
    with pytest.raises(RowsError, match="this model is broken"):
        session.compare(frame(), "classify {{text}}", vary={"model": ["fine", "broken"]})
    assert session.comparisons.last is not None
    assert list(session.comparisons.last.runs) == ["model = fine", "model = broken"]
