"""The prompt bench: as somebody edits a prompt, up to a hundred rows are asked again.

What the edit has changed stands first, each answer beside the one before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.errors import ChatError, one_line
from eighty80_jupyter.notebook.cell.value import plain_value
from eighty80_jupyter.notebook.markdown.page_text import page_text
from eighty80_jupyter.notebook.panel.widgets import line_html
from eighty80_jupyter.notebook.rows.values import text_of
from eighty80_jupyter.notebook.rows.words import short
from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from eighty80_jupyter.rows.run import Run

BENCH_ROWS = 100
TYPING_SECONDS = 0.3  # after the last key
_SHOWN = 20
_CHARACTERS = 160
_LEFT = "text-align: left; vertical-align: top; overflow-wrap: anywhere"


class Bench:
    """Asks again when the prompt has rested, and shows what became of the answers.

    `begin` starts a run over some rows, the same ones each time, and returns it with their
    positions, `show` takes the HTML, `limit` says how many
    requests may be sent before somebody has to say so again. `_lock` owns the timer, the run, what
    was sent and the answers before; `show` is called in the thread of the timer.
    """

    def __init__(
        self,
        begin: Callable[[], tuple[Run, Sequence[int]]],
        show: Callable[[str], None],
        limit: Callable[[], int],
    ) -> None:
        self._begin = begin
        self._show = show
        self._limit = limit
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._run: Run | None = None
        self._sent = 0
        self._before: dict[int, str] = {}
        self.on = False

    def turn(self, *, on: bool) -> None:
        """Begin, with the answers to the prompt as it is, or end."""
        with self._lock:
            self.on = on
            self._sent, self._before = 0, {}
        self.typed()

    def typed(self) -> None:
        """Ask again once nothing more has been typed for a moment; from any thread."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            if self._run is not None:
                self._run.cancel()  # nobody waits for the answers to half a prompt
            if not self.on:
                self._timer = self._run = None
                return
            self._timer = threading.Timer(TYPING_SECONDS, self._ask)
            self._timer.daemon = True
            self._timer.start()

    def close(self) -> None:
        """End."""
        self.turn(on=False)

    def _ask(self) -> None:
        limit = self._limit()
        with self._lock:
            sent = self._sent
            if ended := bool(sent) and sent + BENCH_ROWS > limit:
                self.on = False
        if ended:
            told = f"{sent:,} requests were sent, and live_request_limit is {limit:,}"
            self._show(line_html(f"{told}: turn it on again to go on"))
            return
        try:
            run, positions = self._begin()
            with self._lock:
                self._run = run
            run.wait()
        except ChatError as error:
            self._show(line_html(str(error)))
            return
        except Exception as error:  # noqa: BLE001  # of the user's data; nobody else would be told
            self._show(line_html(one_line(error)))
            return
        progress = run.progress()
        with self._lock:
            self._sent += progress.asked + sum(progress.failed.values())
            if self._run is not run or progress.state == "interrupted":
                return  # another key was pressed
            before, sent = self._before, self._sent
            self._before = {position: said for position, _, said in _answers(run, positions)}
        self._show(bench_html(run, positions, before, sent=sent, limit=limit))


def bench_html(
    run: Run, positions: Sequence[int], before: dict[int, str], *, sent: int, limit: int
) -> str:
    """Return the answers of a run, those first that are not what stood there `before`."""
    answers = _answers(run, positions)
    flipped = [one for one in answers if before.get(one[0], one[2]) != one[2]]
    same = [one for one in answers if one not in flipped]
    rows = "".join(
        f'<tr><td style="{_LEFT}">{position:,}</td>'
        f'<td style="{_LEFT}">{page_text(short(text, _CHARACTERS))}</td>'
        f'<td style="{_LEFT}">{_changed(before.get(position, said), said)}</td></tr>'
        for position, text, said in [*flipped, *same][:_SHOWN]
    )
    told = counted(len(answers), "row")
    if before:
        differ = "answer differs" if len(flipped) == 1 else "answers differ"
        told += f" · {len(flipped):,} {differ} from those before"
    told += f" · {sent:,} of {limit:,} requests"
    line = line_html(f"{told} · {run.progress().last_line()}", status=True)
    return f'{line}<div style="overflow-x: auto"><table>{rows}</table></div>'


def _answers(run: Run, positions: Sequence[int]) -> list[tuple[int, str, str]]:
    """Return position, row and answer of each row that a run has asked."""
    found = []
    values = run.values
    for place, text in enumerate(run.texts()):
        value: Any = values[place]
        found.append((positions[place], text, "" if value is None else text_of(plain_value(value))))
    return found


def _changed(before: str, now: str) -> str:
    shown = page_text(short(now or "no answer", _CHARACTERS))
    if before == now:
        return shown
    return f"<del>{page_text(short(before or 'no answer', _CHARACTERS))}</del> <mark>{shown}</mark>"
