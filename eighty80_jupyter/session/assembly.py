"""What a turn is given, made from the settings: patience, limits, fields, who runs tools."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.tools.toolbox import ToolBox

if TYPE_CHECKING:
    # Brought in with the first turn: loading the extension must cost nothing to speak of.
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.prompt.describe.registry import Registry
    from eighty80_jupyter.prompt.secrets.redact import Redactor
    from eighty80_jupyter.prompt.template.prepare import Context
    from eighty80_jupyter.tools.executor import ToolExecutor
    from eighty80_jupyter.tools.rounds import Confirmer, ToolOffer
    from eighty80_jupyter.turns.context import ContextSettings
    from eighty80_jupyter.wire.client import Settings


def patience(config: ChatConfig) -> Settings:
    """Return how long a request is waited for, and how often it is tried."""
    from eighty80_jupyter.wire.client import Settings  # noqa: PLC0415  # brings in httpx

    return Settings(
        connect_timeout=config.connect_timeout,
        read_timeout=config.read_timeout,
        max_retries=config.max_retries,
        max_retry_wait=config.max_retry_wait,
    )


def context_settings(
    config: ChatConfig,
    learned: MutableMapping[tuple[str, str], int],
    url: str,
    values: Mapping[str, Any],
    ratio: float,
) -> ContextSettings:
    """Return how a turn deals with what the model takes.

    `learned` are the limits of each address and model that servers told; it is added to. `values`
    are the parameters of the turn, `ratio` the server's tokens over the estimated ones.
    """
    from eighty80_jupyter.turns.context import ContextSettings  # noqa: PLC0415  # the first turn

    model = str(values["model"])
    own = config.context_limit
    own = own.get(model) if isinstance(own, dict) else own

    def remember(limit: int) -> None:
        learned[url, model] = limit

    return ContextSettings(
        policy=config.context_policy,
        limit=own or learned.get((url, model)),
        strict=own is not None,
        answer=values.get("max_tokens"),
        ratio=ratio,
        remember=remember,
    )


def filling(
    config: ChatConfig,
    *,
    namespace: Mapping[str, Any] | None,
    registry: Registry | None,
    redactor: Redactor | None,
    ratio: float,
) -> Context:
    """Return what the fields of a prompt are filled with."""
    from eighty80_jupyter.prompt.describe.protocol import Budgets  # noqa: PLC0415  # the same
    from eighty80_jupyter.prompt.template.prepare import Context  # noqa: PLC0415  # the first prompt

    return Context(
        namespace=namespace,
        registry=registry,
        redactor=redactor,
        budgets=Budgets(
            field=int(config.field_tokens / ratio), message=int(config.message_tokens / ratio)
        ),
        last_error=getattr(sys, "last_value", None),
        limit=config.max_attachment_bytes,
    )


def make_executor(
    config: ChatConfig,
    offer: ToolOffer | None,
    *,
    conversation: Conversation,
    confirmer: Confirmer | None,
    always: MutableMapping[str, Callable[..., Any]],
    registry: Registry | None,
    redactor: Redactor | None,
    ratio: float,
) -> ToolExecutor | None:
    """Return what runs the calls of a turn; None where it offers no tools."""
    if offer is None:
        return None
    from eighty80_jupyter.tools.call import ToolSettings  # noqa: PLC0415  # seldom needed
    from eighty80_jupyter.tools.executor import RefusingConfirmer, ToolExecutor  # noqa: PLC0415  # the same

    return ToolExecutor(
        tools={tool.name: tool for tool in offer.tools},
        conversation=conversation,
        confirmer=confirmer or RefusingConfirmer(),
        always=always,
        timeout=config.tool_timeout,
        settings=ToolSettings(
            registry=registry,
            redactor=redactor,
            budget=int(config.tool_result_tokens / ratio),
        ),
    )


def make_offer(
    config: ChatConfig,
    tools: ToolBox,
    wanted: Any,
    *,
    choice: str | None,
    parallel: bool | None,
    answers: int,
) -> ToolOffer | None:
    """Return the tools that a turn offers; see `Session.offer`. Raises UsageError."""
    named = config.tools if wanted is None else wanted
    if wanted is None and named == "all" and not tools:
        named = None  # a setting that waits for tools
    if not named and choice is None and parallel is None:
        return None
    from eighty80_jupyter.tools.rounds import make_offer as offered  # noqa: PLC0415  # seldom needed

    rounds = config.tool_rounds
    offer = offered(tools, named, rounds=rounds, choice=choice, parallel=parallel)
    if offer is not None and answers > 1:
        raise UsageError(
            f"tools and several answers at once do not go together, got n = {answers}; "
            "ask with n = 1, or without tools"
        )
    return offer
