"""Prompts as functions for other engines: what a process asks with, and what goes to another one.

A worker process has no session of its own, so those that row functions need hang on this module:
one for each different set of settings, made when the first batch comes.
"""

from __future__ import annotations

import os
import pickle
import re
import threading
import uuid
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from eighty80_jupyter import loading
from eighty80_jupyter.errors import MissingKeyError, UsageError
from eighty80_jupyter.prompt.template.evaluate import names_of
from eighty80_jupyter.prompt.template.syntax import Field, parse
from eighty80_jupyter.session.rows.runs import ROOM, RowRuns, Shared
from eighty80_jupyter.text import shown
from eighty80_jupyter.wire.secret import Secret

if TYPE_CHECKING:
    from eighty80_jupyter.rows.data.chunks import Rows
    from eighty80_jupyter.rows.engines.function import RowFunction
    from eighty80_jupyter.rows.options import RowOptions
    from eighty80_jupyter.rows.run import Run
    from eighty80_jupyter.structured.shape import Shape

_WORD = re.compile(r"[^\W\d]\w*")
_MOST_STATES = 32
_LARGEST = 1_000_000  # bytes of a variable that goes to another process
_NOT_SENT = frozenset({"api_key", "record", "replay", "replay_only", "autosave"})


class _Process:
    """What the row functions of a process share: their sessions, and what their limits have seen.

    `known` are the runs of the sessions that made a function here; a copy of it that comes back, or
    comes into a fork, uses them. `made` are those of workers, by their settings. `states` are by
    function, the latest ones. The lock guards all.
    """

    def __init__(self) -> None:
        self.id = os.getpid()
        self.lock = threading.Lock()
        self.known: WeakValueDictionary[str, RowRuns] = WeakValueDictionary()
        self.made: dict[bytes, RowRuns] = {}
        self.states: dict[str, _State] = {}

    def state(self, function: str) -> _State:
        """Return what the batches of a function share here."""
        with self.lock:
            state = self.states.pop(function, None) or _State()
            self.states[function] = state
            while len(self.states) > _MOST_STATES:
                del self.states[next(iter(self.states))]
            return state


class _State:
    """What the batches of a function share in this process, which asks one after the other."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.shared: Shared | None = None


_process = _Process()


def _here() -> _Process:
    """Return what is shared here. A fork has the sessions of its parent, and nothing else of it."""
    global _process  # noqa: PLW0603  # locks and limits that others held do not come along
    if _process.id != os.getpid():
        known = _process.known
        _process = _Process()
        _process.known = known
    return _process


class ProcessAsker:
    """Asks rows in whatever process it is in.

    `values` are the settings that are not as they are by default, `names` the variables that the
    prompt names: as they were when the function was made. No key is among them.
    """

    def __init__(self, runs: RowRuns, values: dict[str, Any], names: dict[str, Any]) -> None:
        self._id = uuid.uuid4().hex
        self._values = values
        self._names = names
        here = _here()
        with here.lock:
            here.known[self._id] = runs
        self._runs: RowRuns | None = runs  # they live as long as the function

    def __getstate__(self) -> dict[str, Any]:
        small = {name: value for name, value in self._names.items() if _can_go(value)}
        return {**vars(self), "_runs": None, "_names": small}

    def shape(self, returns: Any) -> Shape | None:
        """Return the shape of the answers."""
        if returns is None:
            return None
        from eighty80_jupyter.structured.shape import shape_of  # noqa: PLC0415  # a door: pydantic

        return shape_of(returns, self._names)

    def columns(self, prompt: str, names: Sequence[Hashable]) -> tuple[str, ...]:
        """Return which of these columns the prompt uses. Raises UsageError for an unknown name."""
        return self._found().columns(prompt, names, self._names)

    def ask(self, rows: Rows, prompt: str, options: RowOptions) -> Run:
        """Return a run that has ended, begun once those of other threads had.

        Raises UsageError for what cannot be asked.
        """
        from eighty80_jupyter.storage.answers import Answers  # noqa: PLC0415  # a door: sqlite3

        runs, state = self._found(), _here().state(self._id)
        with state.turn:
            if state.shared is None:
                answers = Answers.in_memory()
                state.shared = Shared(
                    namespace=self._names, limits=runs.limits(options), answers=answers
                )
            try:
                run = runs.start(
                    rows,
                    prompt,
                    replace(options, returns=self.shape(options.returns)),
                    {},
                    shared=state.shared,
                )
            except MissingKeyError as error:
                raise MissingKeyError(
                    f"{error}; a row function takes no key along: the process that runs it needs "
                    "one in its environment"
                ) from None
            try:
                run.wait()
            except BaseException:
                run.cancel()
                raise
        return run

    def _found(self) -> RowRuns:
        """Return the runs of the session of this process."""
        if self._runs is None:
            here = _here()
            with here.lock:
                self._runs = here.known.get(self._id) or self._made(here.made)
        return self._runs

    def _made(self, made: dict[bytes, RowRuns]) -> RowRuns:
        key = pickle.dumps(sorted(self._values.items()))
        if key not in made:
            package = import_module("eighty80_jupyter")
            session = package.Session(package.ChatConfig(**self._values))
            session.namespace = {}
            made[key] = session.row_runs
        return made[key]


def row_function(
    runs: RowRuns, prompt: str, options: RowOptions | None, keywords: Mapping[str, Any]
) -> RowFunction:
    """Return the function of a prompt. See `Session.row_function`."""
    loading.require(*ROOM, "eighty80_jupyter.rows.engines.function")
    from eighty80_jupyter.rows.engines.function import RowFunction  # noqa: PLC0415  # a door
    from eighty80_jupyter.rows.options import RowOptions  # noqa: PLC0415  # a door

    if not isinstance(prompt, str):
        raise UsageError(f"the prompt is a text that names columns, got {shown(prompt)}")
    chosen = RowOptions.of(options, keywords)
    fields = [piece for piece in parse(prompt) if isinstance(piece, Field)]
    words = {word for field in fields for word in names_of(field.expression)}
    if isinstance(chosen.returns, str):
        words.update(_WORD.findall(chosen.returns))
    names = {name: one for name, one in (runs.requests.namespace or {}).items() if name in words}
    asker = ProcessAsker(runs, _settings(runs), names)
    return RowFunction(asker, prompt, chosen)


def _settings(runs: RowRuns) -> dict[str, Any]:
    """Return the settings that are not the default ones, without any secret."""
    config = runs.config
    found = {}
    for name, trait in config.traits(config=True).items():
        value = getattr(config, name)
        if name in _NOT_SENT or value == trait.default():
            continue
        if isinstance(value, Mapping):
            value = {key: one for key, one in value.items() if not isinstance(one, Secret)}
        found[name] = value
    found["base_url"] = runs.requests.server.address
    return found


def _can_go(value: Any) -> bool:
    """Tell whether a variable can be sent to another process, and is small."""
    try:
        return len(pickle.dumps(value)) <= _LARGEST
    except Exception:  # noqa: BLE001  # whatever a value raises, it cannot be sent
        return False
