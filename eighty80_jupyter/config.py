"""Every setting, usable from `ipython_config.py`, `%config ChatConfig` and Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from traitlets import (
    Bool,
    CaselessStrEnum,
    Dict,
    Float,
    HasTraits,
    Integer,
    List,
    TraitError,
    TraitType,
    Undefined,
    Unicode,
    Union,
)
from traitlets.config import Config, Configurable

from eighty80_jupyter.api import parameter_values, request_parameters
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.parts import DEFAULT_LIMIT
from eighty80_jupyter.prompt.run_cells import which_cells
from eighty80_jupyter.text import shown, unknown
from eighty80_jupyter.wire.address import clean_url
from eighty80_jupyter.wire.endpoint import check_fields, usable
from eighty80_jupyter.wire.secret import Secret

DEFAULT_MODEL = "8080/taalas/llama3.1-8b-instruct"


class SettingError(UsageError, TraitError):
    """A setting was given a value that it does not take; it keeps the one it had."""


class CheckedTrait(TraitType[Any, Any]):
    """A setting that takes what `check` takes, and None where `allow_none` says so."""

    allow_none = True
    default_value: Any = None

    def validate(self, obj: HasTraits, value: Any) -> Any:
        """Return the value as it is kept, or raise SettingError."""
        try:
            return self.check(obj, value)
        except UsageError as error:
            raise SettingError(str(error)) from None

    def check(self, obj: HasTraits, value: Any) -> Any:
        """Return the value as it is kept. Raises UsageError."""
        raise NotImplementedError


class ParameterTrait(CheckedTrait):
    """A request parameter as the table in `api.request_parameters` describes it; None: not sent."""

    def __init__(self, name: str) -> None:
        super().__init__(help=request_parameters.PARAMETERS[name].help)
        self.info_text = request_parameters.PARAMETERS[name].kind.value
        self.tag(config=True)

    def check(self, _obj: HasTraits, value: Any) -> Any:
        """Return the value as it is sent."""
        assert self.name is not None  # noqa: S101  # set when the class was made
        return parameter_values.check(self.name, value)

    def from_string(self, s: str) -> Any:
        """Return the value that a command line's text means."""
        assert self.name is not None  # noqa: S101  # set when the class was made
        return None if s == "None" else parameter_values.from_text(self.name, s)


class SecretTrait(CheckedTrait):
    """A key. It is kept as a Secret, which shows nowhere by itself."""

    info_text = "a key"

    def check(self, _obj: HasTraits, value: Any) -> Secret:
        """Return the key as a Secret; what is none is refused without showing it."""
        if isinstance(value, Secret):
            return value
        if not isinstance(value, str):
            raise UsageError(f"{self.name} must be a text, got a {type(value).__name__}")
        return usable(value, str(self.name))


class UrlTrait(CheckedTrait):
    """The address of a server, without a trailing slash."""

    info_text = "an http or https address"

    def check(self, _obj: HasTraits, value: Any) -> str:
        """Return the cleaned address."""
        return clean_url(str(value))


class JSONTrait(CheckedTrait):
    """A dictionary, which a command line has as JSON."""

    allow_none = False
    default_value = Undefined

    def make_dynamic_default(self) -> dict[str, Any]:
        """Return an empty one, anew for each configuration."""
        return {}

    def from_string(self, s: str) -> Any:
        """Return the dictionary that a text holds as JSON."""
        return parameter_values.json_object(str(self.name), s)


class FieldsTrait(JSONTrait):
    """Headers, or parameters of the address; what looks secret in them never shows."""

    info_text = "a dictionary of names and values"

    def __init__(self, *, headers: bool = False, **more: Any) -> None:
        self._headers = headers
        super().__init__(**more)

    def check(self, _obj: HasTraits, value: Any) -> Any:
        """Return the checked values, the secret ones hidden."""
        return check_fields(value or {}, str(self.name), headers=self._headers)


class PresetTrait(CheckedTrait):
    """The name of a preset; a session refuses those that it does not know."""

    info_text = "the name of a preset"

    def check(self, obj: HasTraits, value: Any) -> str | None:
        """Return the name."""
        if not isinstance(value, str):
            raise UsageError(f"preset must be a name, or None; got {shown(value)}")
        find = getattr(obj, "find_preset", None)
        if value and find is not None:
            find(value)
        return value or None


class CellsTrait(CheckedTrait):
    """Which cells of the notebook are sent along: True is all, False none."""

    info_text = "all, above, or numbers of cells such as 3-7"

    def check(self, _obj: HasTraits, value: Any) -> str | None:
        """Return the value as a text."""
        return which_cells(value) or None

    def from_string(self, s: str) -> str | None:
        """Return the value that a command line's text means."""
        words = {"none": "", "false": "", "true": "all"}
        return words.get(s.lower(), s) or None


class NamesTrait(JSONTrait):
    """New names for fields of a request; None for a field that is left out."""

    info_text = "a dictionary of names"

    def check(self, _obj: HasTraits, value: Any) -> Any:
        """Return the names."""
        names = dict(value) if isinstance(value, Mapping) else {"": None}
        for name, to in names.items():
            if not (
                name and isinstance(name, str) and (to is None or (to and isinstance(to, str)))
            ):
                raise UsageError(
                    f'{self.name} must look like {{"max_completion_tokens": "max_tokens", '
                    f'"seed": None}}; got {shown(value)}'
                )
            if name in ("model", "messages", "stream") or (
                to is None and name in request_parameters.NEVER_OMITTED
            ):
                raise UsageError(
                    f"{self.name} cannot {'rename' if to else 'leave out'} {name}: "
                    "the answer would be another one; unset the parameter instead"
                )
        return names


def expected(trait: Any) -> str:
    """Return in words what a setting takes."""
    match trait:
        case CaselessStrEnum():
            words = " or ".join(trait.values or ())
        case Bool():
            words = "True or False"
        case Integer() | Float():
            words = "an integer" if isinstance(trait, Integer) else "a number"
            words += "" if trait.min is None else f" of at least {trait.min}"
        case Union():
            words = ", or ".join(map(expected, trait.trait_types))
        case Dict():
            words = "a dictionary of such"
        case List():
            words = "a list of texts"
        case _:
            words = "a text"
    return words + (", or None" if trait.allow_none else "")


class ChatConfig(Configurable):
    """The settings of a conversation. None leaves a parameter to the server's own default.

    Each is an attribute; `ChatConfig.class_print_help()` lists them with their help. A name that is
    none and a value that cannot be raise UsageError, and nothing changes.
    """

    model = ParameterTrait("model")
    temperature = ParameterTrait("temperature")
    top_p = ParameterTrait("top_p")
    frequency_penalty = ParameterTrait("frequency_penalty")
    presence_penalty = ParameterTrait("presence_penalty")
    max_tokens = ParameterTrait("max_tokens")
    seed = ParameterTrait("seed")
    stop = ParameterTrait("stop")
    n = ParameterTrait("n")
    reasoning_effort = ParameterTrait("reasoning_effort")
    logit_bias = ParameterTrait("logit_bias")
    logprobs = ParameterTrait("logprobs")
    top_logprobs = ParameterTrait("top_logprobs")
    response_format = ParameterTrait("response_format")
    user = ParameterTrait("user")
    extra = ParameterTrait("extra")

    system = Unicode(
        None,
        allow_none=True,
        help="the instruction message of conversations that have none of their own (-s)",
    ).tag(config=True)
    system_role = CaselessStrEnum(
        ["system", "developer"], "system", help="the role in which the instruction message is sent"
    ).tag(config=True)
    preset = PresetTrait(
        help="the preset that this kernel follows (--preset): it sets instruction, tools and "
        "parameters; None: none, and they are as before"
    ).tag(config=True)
    presets = Dict(
        key_trait=Unicode(),
        value_trait=Dict(),
        help='presets besides those of --preset-save: {"reviewer": {"system": "...", '
        '"temperature": 0.2, "tools": "all"}}',
    ).tag(config=True)
    field_tokens = Integer(
        1000, min=20, help="the most that one {{field}} of a prompt takes, in estimated tokens"
    ).tag(config=True)
    message_tokens = Integer(
        8000, min=20, help="the most that all fields of a prompt take, in estimated tokens"
    ).tag(config=True)
    cells = CellsTrait(
        help="which cells of the notebook every prompt is sent along with, as --cells: all, above, "
        "or their numbers; None: none"
    ).tag(config=True)
    cells_tokens = Integer(
        4000, min=20, help="the most that cells take in a message, in estimated tokens"
    ).tag(config=True)
    max_attachment_bytes = Integer(
        DEFAULT_LIMIT, min=1, help="the largest picture or sound that is sent, in bytes"
    ).tag(config=True)
    stream = Bool(default_value=True, help="show the reply while it is written").tag(config=True)

    show_asked = Bool(
        default_value=True,
        help="chat.ask in a cell leaves a folded output with its turns, so that %chat --restore "
        "finds them; False: it leaves nothing",
    ).tag(config=True)
    autosave = Bool(
        default_value=False,
        help="write all that happens to a journal in your own state directory, as it happens; "
        "%chat --recover reads back what a killed kernel had",
    ).tag(config=True)

    record = Unicode(
        None,
        allow_none=True,
        help="a file into which every request is written with its answer, as JSON lines that "
        "only you can read; never a key, secrets redacted",
    ).tag(config=True)
    replay = Unicode(
        None,
        allow_none=True,
        help="a file that `record` wrote, from which the same requests are answered, without a "
        "server or a key; others are asked anew, which is said",
    ).tag(config=True)
    replay_only = Bool(
        default_value=False, help="with replay: fail where a request would be asked anew"
    ).tag(config=True)
    keep_answers = Bool(
        default_value=True,
        help="keep the answers to prompts over rows in a file of your own, so that the same is not "
        "asked twice: raw texts, no prompts, no key; %chat --forget-answers empties it",
    ).tag(config=True)
    answers_days = Integer(
        30, min=1, help="for how many days an answer is kept (keep_answers), at most 1 GB of all"
    ).tag(config=True)

    output_format = CaselessStrEnum(
        ["auto", "html", "markdown", "text"],
        "auto",
        help="how replies are put into a notebook: as HTML that was made safe, as Markdown for the "
        "front end to render, which trusts it, or as text; auto: Markdown in VS Code, text in "
        "consoles, else HTML",
    ).tag(config=True)
    update_outputs = Bool(
        None,
        allow_none=True,
        help="draw a reply while it comes by updating its outputs; False: each output comes once, "
        "when it is whole; None: updates where the front end is known to obey them",
    ).tag(config=True)
    replace_on_rerun = Bool(
        default_value=True,
        help="a cell that runs again right after its turn answers that turn anew; False: it adds "
        "another turn",
    ).tag(config=True)
    allow_images = Bool(
        default_value=False,
        help="load the images in a reply; whoever wrote their addresses learns that you read it",
    ).tag(config=True)
    live_request_limit = Integer(
        200, min=1, help="the most requests that live mode sends by itself before it asks again"
    ).tag(config=True)
    tools = Union(
        [Unicode(), List(Unicode())],
        default_value=None,
        allow_none=True,
        help='the tools that every prompt offers: names, or "all"; None: those of --tools only',
    ).tag(config=True)
    tool_rounds = Integer(
        10, min=1, help="how often a model may call tools before it must answer"
    ).tag(config=True)
    tool_timeout = Float(
        None,
        min=0.001,
        allow_none=True,
        help="seconds that a tool may take which has no timeout of its own; None: no limit",
    ).tag(config=True)
    tool_result_tokens = Integer(
        2000, min=20, help="the most that the result of a tool takes, in estimated tokens"
    ).tag(config=True)
    context_limit = Union(
        [Integer(min=64), Dict(value_trait=Integer(min=64), key_trait=Unicode())],
        default_value=None,
        allow_none=True,
        help="how many tokens a model takes for prompt and answer together: a number, or a "
        "dictionary by model; None: unknown, and learned from the server's own error",
    ).tag(config=True)
    context_policy = CaselessStrEnum(
        ["error", "trim", "summarize"],
        "error",
        help="what happens when a conversation grows longer than the model takes. error: it is "
        "not sent; trim: old data is left out, then the oldest turns; summarize: the model "
        "condenses what would be left out",
    ).tag(config=True)
    structured = CaselessStrEnum(
        ["auto", "schema", "object", "prompt"],
        "auto",
        help="how a typed answer is asked for. schema: the server shall enforce its JSON Schema; "
        "object: any JSON; prompt: in words only; auto: the first of these that the server takes. "
        "It stands in the instruction as well, and every answer is checked",
    ).tag(config=True)
    repairs = Integer(
        2,
        min=0,
        help="how often the model is asked to mend an answer that is not of the type asked for",
    ).tag(config=True)
    rows_limit = Integer(
        10_000,
        min=1,
        help="the most requests that one run over rows sends unless all are asked for (--all)",
    ).tag(config=True)
    rows_concurrency = Integer(
        64, min=1, help="the most requests of a run over rows that are under way at a time"
    ).tag(config=True)
    price = Dict(
        value_trait=Float(min=0),
        key_trait=CaselessStrEnum(["prompt", "answer"]),
        help="what a million tokens of prompts and of answers cost, such as "
        '{"prompt": 0.1, "answer": 0.4}; runs over rows then say what they cost',
    ).tag(config=True)
    base_url = UrlTrait(
        help="the address of the server; None: the environment variable _8080_API_URL, "
        "or https://api.8080.io"
    ).tag(config=True)
    extra_headers = FieldsTrait(
        headers=True,
        help="further headers of each request; $NAME as a value stands for an environment "
        "variable. Secret ones are never shown.",
    ).tag(config=True)
    extra_query = FieldsTrait(
        help="further parameters of the address, such as an api-version; as extra_headers"
    ).tag(config=True)
    field_names = NamesTrait(
        help="what the server calls fields of a request, and None for those that it does not know; "
        "what it refuses with an error is learned without this"
    ).tag(config=True)
    api_key = SecretTrait(
        help="the API key; None: the environment variable _8080_API_KEY, or the file that "
        "_8080_SERVICE_ACCOUNT_TOKEN_FILE names. It is never shown."
    ).tag(config=True)
    allow_insecure_http = Bool(
        default_value=False,
        help="send the key over plain http to another machine, readable on the way",
    ).tag(config=True)
    connect_timeout = Float(
        10.0, min=0.001, allow_none=True, help="seconds to wait for a connection; None: no limit"
    ).tag(config=True)
    read_timeout = Float(
        300.0, min=0.001, allow_none=True, help="seconds of silence to bear; None: no limit"
    ).tag(config=True)
    max_retries = Integer(
        2, min=0, help="further attempts when no reply has begun: connection, 408, 409, 429, 5xx"
    ).tag(config=True)
    max_retry_wait = Float(
        30.0, min=0, help="the longest wait between two attempts, in seconds"
    ).tag(config=True)
    keepalive_timeout = Float(
        1800.0,
        min=0.001,
        allow_none=True,
        help="seconds that a connection is kept while only comments and their like come and "
        "nothing of a reply; None: no limit",
    ).tag(config=True)
    max_reply_size = Integer(
        20_000_000,
        min=1,
        help="the most characters that a reply may have (text, reasoning and calls of all its "
        "answers together); a longer one is ended there, and what came is kept",
    ).tag(config=True)
    split_reasoning = Bool(
        default_value=True,
        help="tell reasoning that a model writes into its text (<think>...</think>) from the "
        "answer; False: leave the text as it is",
    ).tag(config=True)

    # Set by a session: finds a preset, or raises UsageError.
    find_preset: Callable[[str], Any] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        # traitlets sets attributes of its own, such as `notify_change` while it holds the news.
        if name == "find_preset":
            object.__setattr__(self, name, value)
            return
        if not (name.startswith("_") or self.has_trait(name) or hasattr(Configurable, name)):
            raise SettingError(unknown("setting", name, self.trait_names(config=True)))
        try:
            super().__setattr__(name, value)
        except UsageError:
            raise
        except TraitError:
            words = expected(self.traits()[name])
            raise SettingError(f"{name} must be {words}; got {shown(value)}") from None

    def parameters(self) -> dict[str, Any]:
        """Return the request parameters that are set, the model always among them."""
        values = {name: getattr(self, name) for name in request_parameters.PARAMETERS}
        values["model"] = values["model"] or DEFAULT_MODEL
        return {name: value for name, value in values.items() if value is not None}

    def update_config(self, config: Config) -> None:
        """Set what `config` says of this class, all of it or nothing.

        `%config` calls this. Unlike the inherited method it leaves the settings alone that the new
        configuration does not name, whoever set them.
        """
        changes = dict(config.get(type(self).__name__, {}))
        for name in changes:
            if name not in self.trait_names(config=True):
                known = self.trait_names(config=True)
                raise SettingError(unknown("setting", f"ChatConfig.{name}", known))
        probe = type(self)()
        for name, value in changes.items():
            setattr(probe, name, value)
        with self.hold_trait_notifications():
            for name in changes:
                setattr(self, name, getattr(probe, name))
