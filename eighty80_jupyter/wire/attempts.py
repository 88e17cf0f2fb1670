"""A request on its way through further attempts, and what was learned about servers. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eighty80_jupyter import errors
from eighty80_jupyter.api.deltas import Adapted, Retrying
from eighty80_jupyter.wire.adapt import find_changes
from eighty80_jupyter.wire.changes import Change, Way, changes_for
from eighty80_jupyter.wire.endpoint import Endpoint
from eighty80_jupyter.wire.retries import Settings, wait_before_retry

_MOST_CHANGES = 8  # of one request, each because of an error


class KnownChanges:
    """What servers refuse, by their address and the model, and what was said about that.

    Belongs to one event loop, as the client does.
    """

    def __init__(self) -> None:
        self._changes: dict[tuple[str, Any], tuple[Change, ...]] = {}
        self._told: set[str] = set()  # what was said once, with the address

    def of(self, endpoint: Endpoint, model: Any) -> tuple[Change, ...]:
        """Return what of a request has to change for this address and model."""
        return (*changes_for(endpoint.fields), *self._changes.get((endpoint.url, model), ()))

    def add(
        self, endpoint: Endpoint, model: Any, changes: Sequence[Change], applied: Sequence[Change]
    ) -> list[Adapted]:
        """Keep new changes that have helped, and return what has to be said of all `applied`."""
        key = endpoint.url, model
        self._changes[key] = (*self._changes.get(key, ()), *changes)
        notes = [endpoint.note, *(change.note for change in applied)]
        new = [n for n in dict.fromkeys(notes) if n and f"{key} {n}" not in self._told]
        self._told.update(f"{key} {note}" for note in new)
        return [Adapted(note) for note in new]


class Attempts:
    """A request on its way through further attempts and changes.

    `fields` is what is sent next to `endpoint`, as patiently as `settings` say.
    """

    def __init__(
        self,
        known: KnownChanges,
        endpoint: Endpoint,
        body: Mapping[str, Any],
        settings: Settings,
        *,
        stream: bool,
        earlier: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._known = known
        self._earlier = {tool["function"]["name"]: tool for tool in earlier}
        self.endpoint = endpoint
        self.settings = settings
        self._model = body.get("model")
        self._attempt = 0
        self._new: list[Change] = []  # because of an error
        self._applied: list[Change] = []
        self._guessed: errors.APIError | None = None  # for which something was tried on a guess
        self._own_options = "stream_options" in body
        self.fields = dict(body)
        if stream:
            self.fields["stream"] = True
            if not self._own_options:
                self.fields["stream_options"] = {"include_usage": True}
        for change in known.of(endpoint, self._model):
            self._apply(change)

    def after(self, error: errors.APIError) -> Retrying | None:
        """Return the wait before the next attempt, which may be none; None: give up."""
        changes = find_changes(error, self.fields)
        if self._own_options:
            changes = tuple(change for change in changes if change.field != "stream_options")
        if changes and len(self._new) < _MOST_CHANGES:
            if changes[0].way is Way.OFFER:
                self._guessed = error
            for change in changes:
                self._apply(change)
                self._new.append(change)
            return Retrying(seconds=0.0, error=str(error))
        if self._guessed is not None and isinstance(error, errors.BadRequestError):
            raise self._guessed from None
        wait = wait_before_retry(error, self._attempt, self.settings)
        self._attempt += 1
        return None if wait is None else Retrying(seconds=wait, error=str(error))

    def accepted(self) -> list[Adapted]:
        """Remember the changes that the server has accepted; return what has to be said."""
        new, self._new = self._new, []
        if not (new or self._applied or self.endpoint.note):
            return []
        return self._known.add(self.endpoint, self._model, new, self._applied)

    def _apply(self, change: Change) -> None:
        changed = change.apply(self.fields)
        if change.way is Way.OFFER and "tools" in changed:
            tools = changed["tools"]
            changed["tools"] = [self._earlier.get(t["function"]["name"], t) for t in tools]
        if changed != self.fields:
            self.fields = changed
            self._applied.append(change)
