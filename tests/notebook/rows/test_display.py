"""A run over rows on a page and in a terminal: how often it is drawn, and what stays."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.notebook.rows import display
from eighty80_jupyter.notebook.rows.display import RunDisplay, follow_in_terminal
from eighty80_jupyter.notebook.rows.html import MOST_BYTES, progress_html, run_html
from eighty80_jupyter.notebook.rows.text import run_text
from eighty80_jupyter.rows.progress import Progress, RowError
from tests.notebook.rows.runs import MadeRun, ended

HOSTILE = "<img src=x onerror=alert(1)> $\\def\\x{y}$ </td></table><script>alert(2)</script>"


class Shell:
    """As much of a kernel's shell as the display looks at."""

    kernel = True

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.display_pub = self

    def publish(self, **message: Any) -> None:
        """Keep what would be drawn."""
        self.messages.append(message)


def shown(*, live: bool | None = True) -> tuple[Shell, RunDisplay]:
    """Return a page that is updated, and its display."""
    shell = Shell()
    config = ChatConfig(update_outputs=live)
    fake: Any = shell
    return shell, RunDisplay(fake, config, lambda: "cell")


def running(done: int, **more: Any) -> Progress:
    """Return how a run of 5,000 rows stands."""
    return Progress(
        total=5000, done=done, asked=done, rows_per_second=328.0, remaining=62.0, **more
    )


def test_one_output_is_updated_and_stays() -> None:
    """A run is one output, drawn between the waits and once more at its end, as text as well."""
    waits: list[float | None] = []
    run = MadeRun(
        running(10),
        running(2312, failed={"invalid": 2, "server": 1}, from_kept=1701),
        Progress(total=5000, done=5000, asked=5000, tokens=1, seconds=9.8, state="done"),
        values=["bug", None, "other"],
        rows=["it breaks", "well", "hello"],
        errors=[RowError(position=1, kind="invalid", message="no choice", text="hm", attempts=3)],
        column="label",
        waited=waits.append,
    )
    shell, displays = shown()
    displays.follow(run)
    assert [message["update"] for message in shell.messages] == [False, True, True]
    assert len({message["transient"]["display_id"] for message in shell.messages}) == 1
    *_, last = kept = [message["metadata"] for message in shell.messages]
    assert kept[:-1] == [{}, {}]  # it is no turn
    assert last.keys() == {"eighty80_jupyter"}
    assert last["eighty80_jupyter"].keys() == {"markdown"}
    assert min(seconds for seconds in waits[1:] if seconds) >= display.FRAME_SECONDS
    middle, end = (message["data"] for message in shell.messages[1:])
    assert "2,312 of 5,000 rows" in middle["text/html"]
    assert "328 rows/s" in middle["text/plain"]
    assert "about 62 s left" in middle["text/plain"]
    assert "3 failed (invalid 2, server 1)" in middle["text/plain"]
    assert "<progress" not in end["text/html"]
    assert ">label</th>" in end["text/html"]
    assert end["text/plain"].endswith(run.progress().last_line())
    assert "it breaks  ->  bug" in end["text/plain"]
    assert "well  ->  failed (invalid)" in end["text/plain"]


def test_a_page_without_updates_gets_the_end_alone() -> None:
    """Where updates are ignored, what comes is the final table."""
    shell, displays = shown(live=False)
    displays.follow(MadeRun(running(1), Progress(total=1, done=1, state="done")))
    assert len(shell.messages) == 1
    assert "1 row;" in shell.messages[0]["data"]["text/plain"]


@pytest.mark.parametrize("live", [True, False])
def test_an_interrupt_cancels_and_is_drawn(live: bool) -> None:  # noqa: FBT001  # pytest's
    """The interrupt ends the run, shows what there is, and goes on to the caller."""
    run = MadeRun(running(812), KeyboardInterrupt(), rows=["a"], values=["b"])
    shell, displays = shown(live=live)
    with pytest.raises(KeyboardInterrupt):
        displays.follow(run)
    assert run.cancelled
    assert "<progress" not in shell.messages[-1]["data"]["text/html"]


@pytest.mark.parametrize("text", [HOSTILE, "$" * 500, "<&>" * 300, "\u0001\x1b[2J", "long " * 9999])
def test_a_drawing_is_small_and_obeys_nothing(text: str) -> None:
    """Four drawings a second are under 40 KB, whatever the rows hold, and nothing of it runs."""
    html = progress_html(
        running(
            7,
            newest=tuple((10**9 + n, text, text) for n in range(5)),
            labels={text + str(n): n for n in range(40)},
            failed={"server": 10**9},
            note=text,
        )
    )
    assert len(html.encode()) <= MOST_BYTES
    assert "<script" not in html
    assert "<img" not in html
    assert "2,312" not in html
    assert "7 of 5,000 rows" in html


def test_what_stays_obeys_nothing() -> None:
    """Rows, answers, fields, labels, messages and columns are texts for the page, and no HTML."""
    run = ended(
        MadeRun(
            Progress(total=2, done=2, labels={HOSTILE: 1}, state="done", remarks=(HOSTILE,)),
            values=[{HOSTILE: [HOSTILE, {HOSTILE: HOSTILE}]}, None],
            rows=[HOSTILE, HOSTILE],
            errors=[
                RowError(position=1, label=HOSTILE, kind="server", message=HOSTILE, text=HOSTILE)
            ],
            column=HOSTILE,
        )
    )
    html = run_html(run)
    assert "<img" not in html
    assert "<script" not in html
    assert html.count("<table") == html.count("</table>") == 3
    assert "$\\def" not in html
    assert html.count("onerror") >= 7


def test_records_have_a_column_for_each_field() -> None:
    """The fields of records are columns; numbers stand at the right, lists as words."""
    run = ended(
        MadeRun(
            Progress(total=3, done=3, skipped=1, state="done"),
            values=[{"label": "bug", "score": 0.5}, {"label": "x", "tags": ["a", "b"]}, None],
            rows=["one", "two", ""],
        )
    )
    html = run_html(run)
    heads = [name for name in ("label", "score", "tags") if f">{name}</th>" in html]
    assert heads == ["label", "score", "tags"]
    assert ">a, b</td>" in html
    assert 'colspan="3"' in html
    assert "label: bug, score: 0.5" in run_text(run)


def test_many_rows_and_errors_are_shown_in_part() -> None:
    """Twenty rows stand on the page, and the failed ones folded; the rest is counted."""
    errors = [RowError(position=n, kind="timeout", message="too slow") for n in range(50, 99)]
    run = ended(
        MadeRun(
            Progress(total=100, done=100, failed={"timeout": 49}, state="done"),
            values=["x"] * 100,
            rows=["r"] * 100,
            errors=errors,
        )
    )
    html = run_html(run)
    assert html.count("<td style") > 20
    assert "and 80 rows more" in html
    assert "and 29 more in run.errors" in html
    assert "<details " in html
    assert "49 failed (timeout 49)" in html


def test_a_cells_result_is_not_shown_twice() -> None:
    """A run that its cell has followed stands above; in another cell it is shown as it is."""
    cell = "first"
    shell: Any = Shell()
    displays = RunDisplay(shell, ChatConfig(update_outputs=True), lambda: cell)
    run = MadeRun(Progress(total=1, done=1, state="done"), values=["x"], rows=["r"])
    displays.follow(run)
    assert "<table" not in displays.result_html(run)
    cell = "second"
    assert "<table" in displays.result_html(run)


def test_a_terminal_has_one_line() -> None:
    """The line is written over and taken away; why rows failed, and the last line, stay."""
    out = io.StringIO()
    errors = [RowError(position=3, kind="server", message="it \x1b[2J burns")]
    run = MadeRun(
        running(5), running(6, failed={"server": 1}), Progress(total=9, done=9, state="done"),
        errors=errors,
    )  # fmt: skip
    follow_in_terminal(run, out, live=True)
    written = out.getvalue()
    assert "\n" not in written[: written.rindex("\r")]
    left = written.rpartition("\r")[2].splitlines()
    assert left[-1] == run.progress().last_line()
    assert "server: it \ufffd[2J burns" in left[1]
    assert all(len(line) < 80 for line in written.split("\r")[:-1])


def test_where_nobody_looks_only_the_end_is_written() -> None:
    """Output that goes to a file has no line that is written over."""
    out = io.StringIO()
    run = MadeRun(running(5), Progress(total=9, done=9, state="done"))
    follow_in_terminal(run, out, live=False)
    assert out.getvalue() == run.progress().last_line() + "\n"


def test_in_a_terminal_of_ipython(capsys: pytest.CaptureFixture[str]) -> None:
    """A shell without pages gets the line and no HTML."""
    shell: Any = SimpleNamespace()
    displays = RunDisplay(shell, ChatConfig(), lambda: "")
    run = MadeRun(Progress(total=9, done=9, state="done"))
    displays.follow(run)
    assert capsys.readouterr().out == run.progress().last_line() + "\n"
