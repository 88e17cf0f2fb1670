"""Runs over rows: from the settings to a run, begun on the loop thread and waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from eighty80_jupyter import loading
from eighty80_jupyter.api import parameter_values
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import ChatInterrupted, UsageError
from eighty80_jupyter.session.embedded import Embedded
from eighty80_jupyter.session.loop_thread import Work
from eighty80_jupyter.session.options import TurnOptions
from eighty80_jupyter.session.records import Records
from eighty80_jupyter.session.request_builder import RequestBuilder
from eighty80_jupyter.session.running import Turns
from eighty80_jupyter.wire.endpoint import Endpoint

if TYPE_CHECKING:
    # All of that room is brought in by the first run.
    from eighty80_jupyter.rows.options import RowOptions
    from eighty80_jupyter.rows.prepare import RowsPreview
    from eighty80_jupyter.rows.review import Review
    from eighty80_jupyter.rows.run import Run
    from eighty80_jupyter.rows.running.limits import Limits
    from eighty80_jupyter.rows.running.plan import RowSettings
    from eighty80_jupyter.storage.answers import Answers

ROOM = ("eighty80_jupyter.rows.prepare", *loading.CLIENT)
_END_SECONDS = 5.0
_CELLS = 8  # whose last answers are remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptOrigin:
    """Where a prompt was typed.

    `names` are the variables that are seen there besides the notebook's, `first_line` is the number
    of the prompt's first line in its cell.
    """

    names: Mapping[str, Any] = field(default_factory=dict)
    first_line: int = 1


IN_PYTHON = PromptOrigin()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What several runs have in common: limits, variables as they were, and answers in memory.

    Without a `namespace` it is that of the session. The answers are used where none are kept on
    disk.
    """

    limits: Limits
    namespace: Mapping[str, Any] | None = None
    answers: Answers | None = None


class RowRuns:
    """The runs over rows of a session, by its settings and `requests`. `last` is the latest.

    `follow` waits for a run, and shows how it stands, `show_review` has a person label rows; the
    notebook room sets them. Any thread may begin a run: the kept answers are opened under `_lock`.
    """

    def __init__(
        self,
        config: ChatConfig,
        requests: RequestBuilder,
        records: Records,
        turns: Turns,
        embedded: Embedded,
    ) -> None:
        self.last: Run | None = None
        self.follow: Callable[[Run], object] = lambda run: run.wait()
        self.show_review: Callable[[Review], object] = _nowhere
        self.config = config
        self.requests = requests
        self._records = records
        self._turns = turns
        self._embedded = embedded
        self._lock = threading.Lock()
        self._answers: Answers | None = None
        self._before: dict[str, tuple[str, list[Any]]] = {}  # prompt and answers, by their cell
        self._made: dict[tuple[str, str], set[Any]] = {}  # of columns and prompts, what came

    def ask(
        self,
        data: Any,
        prompt: str,
        options: RowOptions | None,
        keywords: Mapping[str, Any],
        origin: PromptOrigin = IN_PYTHON,
    ) -> Run:
        """Do a run and return it. See `Session.rows`."""
        try:
            run = self.start(data, prompt, options, keywords, origin)
        except KeyboardInterrupt:
            raise ChatInterrupted("interrupted; nothing was sent") from None
        followed(self.follow, run, _interrupted)
        if run.progress().state == "interrupted":  # by a panel, or the end of the loop
            raise ChatInterrupted(_interrupted(run))
        run.check()
        return run

    def start(
        self,
        data: Any,
        prompt: str,
        options: RowOptions | None,
        keywords: Mapping[str, Any],
        origin: PromptOrigin = IN_PYTHON,
        *,
        shared: Shared | None = None,
    ) -> Run:
        """Begin a run and return it at once. See `Session.start_rows`.

        One of those that have something `shared` is a part of something else, and never the latest.
        """
        loading.require(*ROOM)
        from eighty80_jupyter.rows.prepare import prepare  # noqa: PLC0415  # a door

        self._embedded.check()
        chosen = self._options(options, keywords)
        settings = self._settings(chosen, origin)
        if shared is not None:
            context = settings.context
            if shared.namespace is not None:
                context = replace(context, namespace=shared.namespace)
            answers = settings.answers or shared.answers
            settings = replace(settings, context=context, answers=answers, limits=shared.limits)
        run = prepare(data, prompt, chosen, settings)
        make, at_end = run.work(self._turns.client())
        work: Work[Any, None] = Work(self._turns.background, make, at_end=at_end)
        run.begun(work.cancel)
        run.show_review = self.show_review
        if shared is None:
            self._note_made()
            self.last = run
        work.start()
        return run

    def preview(
        self,
        data: Any,
        prompt: str,
        options: RowOptions | None,
        keywords: Mapping[str, Any],
        origin: PromptOrigin = IN_PYTHON,
    ) -> RowsPreview:
        """Return what a run would send. See `Session.preview_rows`."""
        loading.require(*ROOM)
        from eighty80_jupyter.rows.prepare import preview  # noqa: PLC0415  # a door

        chosen = self._options(options, keywords)
        return preview(data, prompt, chosen, self._settings(chosen, origin, sends=False))

    def columns(
        self, prompt: str, names: Sequence[Hashable], namespace: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """Return which of these columns a prompt uses. Raises UsageError for an unknown name."""
        loading.require(*ROOM)
        from eighty80_jupyter.rows.frames import open_rows  # noqa: PLC0415  # a door
        from eighty80_jupyter.rows.prompt.template import RowTemplate  # noqa: PLC0415  # a door

        context = self.requests.context(fields=True, allow_secrets=False)
        context = replace(context, namespace=namespace)
        template = RowTemplate(prompt, open_rows(dict.fromkeys(names, ())), context)
        return tuple(map(str, template.columns))

    def limits(self, options: RowOptions, *, among: int = 1) -> Limits:
        """Return the limits that `among` runs with these options keep to at the same time."""
        from eighty80_jupyter.rows.running.limits import Limits  # noqa: PLC0415  # a door

        each = max(1, (options.concurrency or self.config.rows_concurrency) // among)
        return Limits(
            each,
            start=options.concurrency and each,
            per_minute=options.per_minute,
            tokens_per_minute=options.tokens_per_minute,
        )

    def limit(self, keywords: Mapping[str, Any]) -> int | None:
        """Return how many tokens the model takes that these options name; None: nobody knows."""
        values = self.requests.parameters(self._options(None, keywords).parameters)
        return self.requests.limits(self.requests.server.address, values).limit

    def answers(self) -> Answers:
        """Return the kept answers of this user, whether or not they are used."""
        from eighty80_jupyter.storage.answers import Answers  # noqa: PLC0415  # a door: sqlite3

        with self._lock:
            if self._answers is None:
                self._answers = Answers(days=self.config.answers_days)
            return self._answers

    def close(self) -> None:
        """Close the file of kept answers; the next run opens it again."""
        if self._answers is not None:
            self._answers.close()

    def _options(self, options: RowOptions | None, keywords: Mapping[str, Any]) -> RowOptions:
        from eighty80_jupyter.rows.options import RowOptions  # noqa: PLC0415  # a door

        return RowOptions.of(options, keywords)

    def _settings(
        self, options: RowOptions, origin: PromptOrigin, *, sends: bool = True
    ) -> RowSettings:
        """Return what the settings say of a run. Raises UsageError, MissingKeyError."""
        from eighty80_jupyter.rows.prompt.request import RowRequest  # noqa: PLC0415  # a door
        from eighty80_jupyter.rows.running.plan import RowSettings  # noqa: PLC0415  # a door

        config, requests = self.config, self.requests
        price = config.price
        values = requests.parameters(options.parameters)
        if values.get("n", 1) > 1:
            raise UsageError(
                f"a row has one answer, got n = {values['n']}; samples=N (--samples N) asks each "
                "row N times"
            )
        values.pop("n", None)
        typed = requests.typed(TurnOptions(returns=options.returns, parameters=options.parameters))
        # A preview needs no key.
        endpoint = requests.server.endpoint() if sends else Endpoint(url=requests.server.address)
        limits = requests.limits(endpoint.url, values)
        context = requests.context(
            fields=True,
            allow_secrets=options.allow_secrets,
            first_line=origin.first_line,
            values=origin.names,
        )
        keep = config.keep_answers if options.keep is None else options.keep
        return RowSettings(
            context=replace(context, fields=True),
            request=RowRequest(
                endpoint=endpoint,
                settings=requests.server.settings(),
                parameters=parameter_values.body_fields(values),
                system=config.system if options.system is None else options.system,
                role=config.system_role,
                typed=typed,
                limit=limits.limit,
                ratio=limits.ratio,
                remember=limits.remember,
                lost=self._embedded.lost,
            ),
            # A record is to hold all requests, or to answer them.
            answers=self.answers() if keep and not self._records.active else None,
            most=config.rows_concurrency,
            requests=config.rows_limit,
            price=(price.get("prompt", 0), price.get("answer", 0)) if price else None,
            made=self._made_by,
        )

    def flipped(self, place: str, run: Run) -> str:
        """Say how many answers differ from those of the last run in that cell, with another prompt.

        Empty where there was none, or one over other rows. `place` is the name of the cell.
        """
        before, now = self._before.pop(place, None), (run.prompt, run.values)
        self._before[place] = now
        while len(self._before) > _CELLS:
            del self._before[next(iter(self._before))]
        if before is None or before[0] == run.prompt or len(before[1]) != len(now[1]):
            return ""
        pairs = [(a, b) for a, b in zip(before[1], now[1], strict=True) if None not in (a, b)]
        count = sum(a != b for a, b in pairs)
        return f"{count:,} of {len(pairs):,} answers differ from those of the prompt before"

    def _note_made(self) -> None:
        """Note what stands in the columns of the latest run."""
        if self.last is not None:
            for name, cells in self.last.made().items():
                self._made.setdefault((name, self.last.prompt), set()).update(cells)

    def _made_by(self, name: str, prompt: str) -> AbstractSet[Any] | None:
        """Return what runs with this prompt have put into a column of this name."""
        self._note_made()
        return self._made.get((name, prompt))


def followed(follow: Callable[[Any], object], asked: Any, line: Callable[[Any], str]) -> None:
    """Wait with `follow` for a run, or several; where that ends in an error, they are stopped.

    Raises ChatInterrupted with a line about them.
    """
    try:
        follow(asked)
    except KeyboardInterrupt:
        asked.cancel()
        asked.wait(_END_SECONDS)
        raise ChatInterrupted(line(asked)) from None
    except BaseException:
        asked.cancel()
        raise


def _nowhere(_review: Review) -> None:
    raise UsageError("a review needs a notebook, or IPython in a terminal")


def _interrupted(run: Run) -> str:
    """Return the line of a run that was stopped by its user."""
    progress = run.progress()
    there = progress.asked + progress.from_kept + progress.duplicates
    of = f" of {progress.total:,}" if progress.total is not None else ""
    if not run.keeps:
        return f"interrupted; {there:,}{of} have an answer: chat.last_run.frame has them"
    return f"interrupted; {there:,}{of} are kept: run the cell again to go on"
