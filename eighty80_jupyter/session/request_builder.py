"""From the settings to a request: the prompt filled, the parameters checked, the tools chosen."""

from __future__ import annotations

import sys
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from eighty80_jupyter import loading
from eighty80_jupyter.api import parameter_values, request_parameters
from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.protocol import Budgets
from eighty80_jupyter.prompt.describe.registry import Registry
from eighty80_jupyter.prompt.run_cells import RunCell, chosen, which_cells
from eighty80_jupyter.prompt.secrets.redact import Redactor
from eighty80_jupyter.prompt.template.cells import sent_cells, with_cells
from eighty80_jupyter.prompt.template.prepare import PreparedPrompt, prepare
from eighty80_jupyter.prompt.template.render import Context, render
from eighty80_jupyter.prompt.tokens import Calibration, estimate
from eighty80_jupyter.session.model_server import ModelServer
from eighty80_jupyter.session.options import Tools, TurnOptions
from eighty80_jupyter.storage.user_secret import user_secret
from eighty80_jupyter.tools.executor import Confirmer, ToolExecutor
from eighty80_jupyter.tools.offer import ToolOffer, make_offer
from eighty80_jupyter.tools.result import ToolSettings
from eighty80_jupyter.tools.toolbox import ToolBox
from eighty80_jupyter.turns.context import ContextSettings
from eighty80_jupyter.turns.request import Outgoing, Request, RunningTurn
from eighty80_jupyter.turns.turn import head, make_context

if TYPE_CHECKING:
    from eighty80_jupyter.structured.asking import Mode, TypedAnswer


class RequestBuilder:
    """Makes all that a turn is given out of the settings of its session.

    `namespace` holds the variables that prompts can name; None: `{{...}}` is text. `registry`
    describes the values of the user's own classes. `calibration` corrects the estimate of tokens
    by what the server counts. `run_cells` tells the cells of the notebook; None: there is none.
    `server` is the one that turns are asked of, where their options name no other.
    """

    def __init__(
        self,
        config: ChatConfig,
        tools: ToolBox,
        environ: Mapping[str, str],
        server: ModelServer,
    ) -> None:
        self.server = server
        self.namespace: Mapping[str, Any] | None = None
        self.registry: Registry | None = None
        self.calibration = Calibration()
        self.run_cells: Callable[[], Sequence[RunCell]] | None = None
        self._config = config
        self._tools = tools
        self._redactor = Redactor(environ)
        self._always: dict[str, Callable[..., Any]] = {}  # tools that need no more confirmation
        self._context_limits: dict[tuple[str, str], int] = {}  # by address and model, as learned
        self._modes: dict[tuple[str, str], Mode] = {}  # how a type is asked for, likewise

    def build(self, prompt: Any, options: TurnOptions) -> Request:
        """Return all that a turn with this prompt needs, checked. Raises UsageError."""
        prepared = self.prepare(prompt, fields=options.fields, allow_secrets=options.allow_secrets)
        system = self.instruction(options)
        values = self.parameters(options.parameters)
        offer = self.offer(options)
        endpoint = self.server.endpoint(options.base_url)
        return Request(
            prompt=Message("user", prepared.content),
            parameters=parameter_values.body_fields(values),
            endpoint=endpoint,
            settings=self.server.settings(),
            stream=self._config.stream if options.stream is None else options.stream,
            system=self._config.system,
            system_role=self._config.system_role,
            instruction=system,
            turn_instruction=options.turn_system,
            has_data=prepared.has_data,
            source=prepared.source,
            place=options.turn_place,
            context=self.limits(endpoint.url, values),
            offer=offer,
            typed=self.typed(options),
            known_tools=self._tools.copy(),
        )

    def prepare(
        self,
        prompt: Any,
        *,
        fields: bool = False,
        allow_secrets: bool = False,
        first_line: int = 1,
        values: Mapping[str, Any] | None = None,
    ) -> PreparedPrompt:
        """Return what would be sent for `prompt`: values described, pictures and sounds encoded.

        `fields` fills the `{{expressions}}` of its texts. What is prepared already is returned as
        it is: no field is evaluated twice. `first_line` is the number of the prompt's first line in
        its cell. `values` are variables that only this prompt can name. Raises UsageError.
        """
        if isinstance(prompt, PreparedPrompt):
            return prompt
        return prepare(
            prompt,
            self.context(
                fields=fields, allow_secrets=allow_secrets, first_line=first_line, values=values
            ),
        )

    def with_cells(
        self, prepared: PreparedPrompt, options: TurnOptions, conversation: Conversation
    ) -> PreparedPrompt:
        """Return the prompt with the cells of the notebook that the options or the settings name.

        What the conversation has of them already is left out. Raises UsageError.
        """
        which = which_cells(self._config.cells if options.cells is None else options.cells)
        if not which:
            return prepared
        if self.run_cells is None:
            if options.cells is None:
                return prepared  # a setting that waits for a notebook
            raise UsageError("cells are those of a notebook or an IPython; there are none here")
        place = options.turn_place
        turns = conversation.turns(before=place.again) if place.history else []
        sent = sent_cells(m.text for turn in turns if turn.is_sent for m in turn.messages[:1])
        return with_cells(
            prepared,
            chosen(self.run_cells(), which),
            self.context(fields=False, allow_secrets=options.allow_secrets),
            sent=sent,
            budget=int(self._config.cells_tokens / self.calibration.ratio),
        )

    def instruction(
        self, options: TurnOptions, values: Mapping[str, Any] | None = None
    ) -> str | None:
        """Return the text of an instruction message, its fields filled. Raises UsageError.

        `values` are variables that only this text can name.
        """
        if not options.system:
            return options.system
        context = self.context(
            fields=options.fields, allow_secrets=options.allow_secrets, values=values
        )
        return render([options.system], context).text

    def parameters(self, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the parameters of a turn: what the configuration sets, and `overrides` over it.

        Raises UsageError for an unknown name and for a value out of bounds.
        """
        values = self._config.parameters()
        for given, value in (overrides or {}).items():
            if value is not None:
                name = request_parameters.canonical(given)
                values[name] = parameter_values.check(name, value)
        return values

    def offer(self, options: TurnOptions) -> ToolOffer | None:
        """Return the tools that a turn offers; None: no tools.

        Raises UsageError for what is not known, and where there shall be several answers.
        """
        named: Tools | None = self._config.tools if options.tools is None else options.tools
        if options.tools is None and named == "all" and not self._tools:
            named = None  # a setting that waits for tools
        choice, parallel = options.tool_choice, options.parallel_tool_calls
        if not named and choice is None and parallel is None:
            return None
        if options.tools == "all" and not self._tools:
            raise UsageError("there are no tools to offer; write @chat.tool above a function")
        rounds = self._config.tool_rounds
        offer = make_offer(self._tools, named, rounds=rounds, choice=choice, parallel=parallel)
        answers = self.parameters(options.parameters).get("n", 1)
        if offer is not None:
            offer = replace(offer, redactor=self._scrubber(allow_secrets=options.allow_secrets))
        if offer is not None and answers > 1:
            raise UsageError(
                f"tools and several answers at once do not go together, got n = {answers}; "
                "ask with n = 1, or without tools"
            )
        return offer

    def typed(self, options: TurnOptions) -> TypedAnswer | None:
        """Return how the answer is asked for as a value; None where no type is asked for.

        Raises UsageError for what has no JSON Schema, and where `response_format` says something
        else.
        """
        if options.returns is None:
            return None
        values = self.parameters(options.parameters)
        if values.get("response_format") is not None:
            raise UsageError(
                "returns and response_format both say what the answer shall be; give one of them"
            )
        loading.require(*loading.TYPED)
        # A door: pydantic.
        from eighty80_jupyter.structured.asking import MODES, TypedAnswer  # noqa: PLC0415
        from eighty80_jupyter.structured.shape import shape_of  # noqa: PLC0415  # the same

        shape = shape_of(options.returns, self.namespace)
        server = self._address_of(options), str(values["model"])
        wanted = self._config.structured
        first = self._modes.get(server, MODES[0]) if wanted == "auto" else wanted
        modes = MODES[MODES.index(first) :] if wanted == "auto" else (first,)
        return TypedAnswer(
            shape=shape,
            returns=options.returns,
            modes=modes,
            wanted=MODES[0] if wanted == "auto" else wanted,
            repairs=self._config.repairs,
            remember=lambda mode: self._modes.update({server: mode}),
        )

    def executor(
        self, running: RunningTurn, confirmer: Confirmer | None, *, allow_secrets: bool
    ) -> ToolExecutor | None:
        """Return what runs the calls of a turn; None where it offers no tools."""
        offer = running.request.offer
        if offer is None:
            return None
        return ToolExecutor(
            tools={tool.name: tool for tool in offer.tools},
            conversation=running.conversation,
            confirmer=confirmer,
            always=self._always,
            timeout=self._config.tool_timeout,
            settings=ToolSettings(
                registry=self.registry,
                redactor=self._scrubber(allow_secrets=allow_secrets),
                budget=int(self._config.tool_result_tokens / self.calibration.ratio),
            ),
        )

    def outgoing(
        self, prepared: PreparedPrompt, conversation: Conversation, options: TurnOptions
    ) -> Outgoing:
        """Return the messages that would be sent for a prompt.

        What the model would have to condense first is left out. Raises UsageError, and
        ContextLengthError for what is too long.
        """
        place, typed = options.turn_place, self.typed(options)
        before = head(
            conversation,
            instruction=self.instruction(options),
            turn_instruction=options.turn_system,
            system=self._config.system,
            system_role=self._config.system_role,
            has_data=prepared.has_data,
            place=place,
            form="" if typed is None else typed.instruction(typed.modes[0]),
        )

        async def nobody(_messages: Sequence[Message]) -> str:
            return ""

        # No endpoint: a preview needs no key.
        address = self._address_of(options)
        limits = self.limits(address, self.parameters(options.parameters))
        context = make_context(conversation, place, limits, nobody, address)
        messages = context.preview(before, [Message("user", prepared.content)])
        return Outgoing(messages, context.note)

    def _address_of(self, options: TurnOptions) -> str:
        return options.base_url or self.server.address

    def learn(self, running: RunningTurn, *, first: bool) -> None:
        """Compare the estimate of a first turn with what the server counted."""
        reply, request = running.reply, running.request
        alone = first and request.offer is None  # the tools take tokens, too
        if alone and reply is not None and reply.usage is not None and reply.usage.prompt_tokens:
            # Only what a first turn sends is known without looking through the history again.
            sent = [request.instruction or request.system or "", request.prompt.text]
            self.calibration.learn(sum(map(estimate, sent)), reply.usage.prompt_tokens)

    def context(
        self,
        *,
        fields: bool,
        allow_secrets: bool,
        first_line: int = 1,
        values: Mapping[str, Any] | None = None,
    ) -> Context:
        """Return what the fields of a prompt are filled with."""
        fields = fields and (self.namespace is not None or bool(values))
        namespace = {} if self.namespace is None else self.namespace
        if values:
            namespace = ChainMap(dict(values), dict(namespace))
        ratio = self.calibration.ratio
        return Context(
            fields=fields,
            namespace=namespace,
            registry=self.registry,
            redactor=self._scrubber(allow_secrets=allow_secrets),
            budgets=Budgets(
                field=int(self._config.field_tokens / ratio),
                message=int(self._config.message_tokens / ratio),
            ),
            last_error=getattr(sys, "last_value", None),
            limit=self._config.max_attachment_bytes,
            first_line=first_line,
            key=self._user_secret,
        )

    @cached_property
    def _user_secret(self) -> bytes:
        return user_secret()

    def scrubbed(self, text: str, *, allow_secrets: bool = False) -> str:
        """Return a text as it would be sent: without the secrets that are found in it."""
        scrubber = self._scrubber(allow_secrets=allow_secrets)
        return text if scrubber is None else scrubber(text)

    def _scrubber(self, *, allow_secrets: bool) -> Redactor | None:
        self._redactor.key = self.server.own_key
        return None if allow_secrets else self._redactor

    def limits(self, url: str, values: Mapping[str, Any]) -> ContextSettings:
        """Return how a turn with these parameters deals with what the model takes."""
        model = str(values["model"])
        own = self._config.context_limit
        own = own.get(model) if isinstance(own, dict) else own

        def remember(limit: int) -> None:
            self._context_limits[url, model] = limit

        return ContextSettings(
            policy=self._config.context_policy,
            limit=own or self._context_limits.get((url, model)),
            strict=own is not None,
            answer=values.get("max_tokens"),
            ratio=self.calibration.ratio,
            remember=remember,
        )
