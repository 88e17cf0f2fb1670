"""What is asked of the server for one row, and the key under which its answer is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from eighty80_jupyter.api.messages import Message, Part
from eighty80_jupyter.prompt.describe.protocol import DATA_NOTE
from eighty80_jupyter.prompt.tokens import estimate
from eighty80_jupyter.wire.endpoint import Endpoint
from eighty80_jupyter.wire.retries import Settings

if TYPE_CHECKING:
    # Typed answers bring in pydantic.
    from eighty80_jupyter.structured.asking import Mode, TypedAnswer

KEY_BYTES = 16
_FRAME = 5  # tokens that a chat template puts around a message
_ATTACHMENT = 800  # tokens of a picture, about


@dataclass(frozen=True, kw_only=True)
class RowRequest:
    """What all requests of a run have in common.

    `parameters` are the fields of the body but for the messages, `system` the instruction, `role`
    that in which it is sent. `typed` is the type of the answers; None: they are texts. `limit` is
    how many tokens the model takes, None where nobody knows; `remember` is told when that is
    learned. `ratio` is the server's tokens over the estimated ones. `lost` says, asked when a
    connection broke, that the server is no more, and what helps.
    """

    endpoint: Endpoint
    settings: Settings
    parameters: Mapping[str, Any]
    system: str | None = None
    role: str = "system"
    typed: TypedAnswer | None = None
    limit: int | None = None
    ratio: float = 1.0
    remember: Callable[[int], None] = lambda _limit: None
    lost: Callable[[], str] = str
    _heads: dict[Any, tuple[list[dict[str, Any]], Mapping[str, Any]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def body(
        self,
        content: str | tuple[Part, ...],
        *,
        has_data: bool,
        mode: Mode | None,
        correction: Sequence[Message] = (),
    ) -> dict[str, Any]:
        """Return the body of a request: the common fields, the instruction, the row's prompt.

        `mode` is how a typed answer is asked for; `correction` asks to mend one.
        """
        head, fields = self._head(mode, has_data=has_data)
        sent = list(content) if isinstance(content, tuple) else content
        messages = [*head, {"role": "user", "content": sent}]
        messages += [message.to_wire() for message in correction]
        return {**fields, "messages": messages}

    def key(self, content: str | tuple[Part, ...], *, has_data: bool, sample: int = 0) -> bytes:
        """Return the hash of what is asked, as it is before any server has refused a part of it.

        The first of its kind has no number, so that it is the same with and without samples.
        """
        mark = self._marks[has_data].copy()
        mark.update(content.encode() if isinstance(content, str) else orjson.dumps(content))
        if sample:
            mark.update(b"\0%d" % sample)
        digest: bytes = mark.digest()
        return digest

    def tokens(self, content: str | tuple[Part, ...], *, has_data: bool) -> int:
        """Return about how many tokens the server will count for a row."""
        counted = _FRAME + self._head_tokens[has_data]
        if isinstance(content, str):
            counted += estimate(content)
        else:
            for part in content:
                counted += estimate(part["text"]) if "text" in part else _ATTACHMENT
        return int(counted * self.ratio)

    def head_tokens(self, *, has_data: bool) -> int:
        """Return about how many of them are the instruction's."""
        return int((_FRAME + self._head_tokens[has_data]) * self.ratio)

    def _head(
        self, mode: Mode | None, *, has_data: bool
    ) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
        known = self._heads.get((mode, has_data))
        if known is None:
            form = "" if self.typed is None or mode is None else self.typed.instruction(mode)
            texts = [self.system, DATA_NOTE if has_data else "", form]
            text = "\n\n".join(filter(None, texts))
            fields = dict(self.parameters)
            if self.typed is not None and mode is not None:
                fields |= self.typed.fields(mode)
            known = ([{"role": self.role, "content": text}] if text else []), fields
            self._heads[mode, has_data] = known
        return known

    @cached_property
    def _head_tokens(self) -> tuple[int, int]:
        mode = None if self.typed is None else self.typed.modes[-1]
        sizes = []
        for has_data in (False, True):
            head, _ = self._head(mode, has_data=has_data)
            sizes.append(sum(_FRAME + estimate(message["content"]) for message in head))
        return sizes[0], sizes[1]

    @cached_property
    def _marks(self) -> tuple[Any, Any]:
        """The hash of what is common, without and with the note about data.

        What a type adds depends on the first way to ask for it, and not on what was learned of the
        server: a kept answer must be found by those who do not know yet, and by those who do.
        """
        marks = []
        typed = self.typed
        mode = None if typed is None else typed.wanted
        for has_data in (False, True):
            head, fields = self._head(mode, has_data=has_data)
            shape = None if typed is None else [mode, typed.shape.schema]
            known = [self.endpoint.url, head, fields, shape]
            # The standard library's, because integers may have more than 64 bits.
            data = json.dumps(known, sort_keys=True, ensure_ascii=True).encode("ascii")
            mark = hashlib.blake2b(digest_size=KEY_BYTES)
            mark.update(len(data).to_bytes(8, "big") + data)
            marks.append(mark)
        return marks[0], marks[1]
