r"""Put a message together: text, values in place, blocks of data, within the budgets.

A short value goes in place. A longer one stands as `` `df` `` in the sentence, and what it is
follows the prompt as a block of data, once however often it is named:

    <data name="df" type="pandas.DataFrame" id="5f0c9a3e">
    ...
    </data>

The id is a hash of all that is sent, with a key of the user's: the same for an equal message, and
not to be guessed by whoever wrote the data.

Nothing in a value can end the block or speak as the chat template does: a backslash after the first
character breaks such marks up (`<\/data>`, `<\|im_end|>`, `[\INST]`), to be seen by everybody.
"""

from __future__ import annotations

import hashlib
import html
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as member
from typing import Any, TypeVar

from eighty80_jupyter.errors import UsageError, error_summary
from eighty80_jupyter.prompt.describe.protocol import (
    Budgets,
    Describe,
    Description,
    FieldReport,
    Rendered,
    Section,
)
from eighty80_jupyter.prompt.secrets.redact import Redactor, environment_names
from eighty80_jupyter.prompt.template.evaluate import brief
from eighty80_jupyter.prompt.template.syntax import Field
from eighty80_jupyter.text import clean

T = TypeVar("T")
FieldError = Callable[[Field, str], UsageError]  # what is wrong with a field, and where it stands

_WHOLE = 2**20  # characters of a text that is searched for secrets before it is cut
_SHOWN = 8  # fields in the table of sizes
_LEAST = 20  # tokens; with fewer a description says nothing
_ROUNDS = 6  # of shrinking; a describer need not meet its budget at once
_ID_BYTES = 4
_MARKS = re.compile(
    r"<(?=\s{0,8}/\s{0,8}data\b)|<(?=\s{0,8}data\s{1,8}\w)"
    # The bar of DeepSeek is the wide one, U+FF5C.
    r"|<(?=[|\uff5c][^\s<>|\uff5c]{1,64}[|\uff5c]>)"
    r"|<(?=</?SYS>>)|<(?=/?s>)"
    r"|<(?=/?(?:bos|eos|pad|unk|think|tool_call|tool_response|(?:start|end)_of_(?:turn|image))>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])",
    re.IGNORECASE,
)
# What IPython calls the code of cells, and what `--fix` does.
_CELL = re.compile(r"In\s*\[\s*-?[0-9]+\s*\]|_i{1,3}|_i[0-9]+|(?:failing|called)_cell")
_CONVERSIONS: Mapping[str, Callable[[Any], str]] = {"r": repr, "s": str, "a": ascii}


@dataclass(slots=True, eq=False)
class _Insert:
    """A value on its way into the message; `error` says what is wrong with its field."""

    field: Field
    value: Any
    options: str
    error: FieldError
    kind: str | None = None  # None: what the describer says
    summary: str | None = None  # the same
    redacted: dict[str, None] = member(default_factory=dict)
    described: Description = member(init=False)
    text: str = ""
    label: str = ""

    @property
    def tokens(self) -> int:
        return self.described.tokens

    @property
    def inline(self) -> bool:
        return self.described.inline and "\n" not in self.text


class Composer:
    """Collects the pieces of one message in their order, section by section; `rendered` ends it.

    `key` makes the ids of blocks; None: one for this message alone.
    """

    def __init__(
        self,
        describe: Describe,
        redactor: Redactor | None = None,
        budgets: Budgets = Budgets(),  # noqa: B008  # frozen
        key: bytes | None = None,
    ) -> None:
        self._describe = describe
        self._redactor = redactor
        self._budgets = budgets
        self._key = secrets.token_bytes() if key is None else key
        self._sections: list[list[str | _Insert]] = []
        self._inserts: dict[tuple[str, str, str, int], _Insert] = {}

    def begin(self) -> None:
        """Begin a section: a text of its own, with its blocks of data below it."""
        self._sections.append([])

    def add(self, item: str) -> None:
        """Add text to the section, as it is."""
        self._sections[-1].append(item)

    def insert(self, field: Field, value: Any, error: FieldError) -> None:
        """Add a value to the section, as the field says. Raises what `error` makes of a mistake."""
        key = (field.expression, field.conversion, field.options, id(value))
        if key not in self._inserts:
            self._inserts[key] = self._filled(field, value, error)
        self._sections[-1].append(self._inserts[key])

    def described(self, field: Field, value: Any, error: FieldError) -> Description:
        """Return what would be sent of one value by itself. Raises what `error` makes."""
        insert = self._filled(field, value, error)
        given = insert.described
        return replace(given, text=insert.text, kind=insert.kind or given.kind)

    def rendered(self) -> Rendered:
        """Return the message. Raises UsageError where the values do not fit into the budget."""
        inserts = list(self._inserts.values())
        self._shrink(inserts)
        _label([insert for insert in inserts if not insert.inline])
        texts = ["".join(_placed(items)) for items in self._sections]
        inserted = (text for each in inserts for text in (each.label, each.text))
        block_id = message_id(self._key, [*texts, *inserted])
        sections = []
        placed = set[int]()
        for text, items in zip(texts, self._sections, strict=True):
            parts = []
            for insert in items:
                if isinstance(insert, str) or id(insert) in placed:
                    continue
                placed.add(id(insert))
                if not insert.inline and insert.text:
                    gap = "\n" * (2 - min(2, len(text) - len(text.rstrip("\n")))) if text else ""
                    text += gap + _block(insert, block_id)  # noqa: PLW2901  # it grows
                if insert.described.part:
                    parts.append(insert.described.part)
            sections.append(Section(text=clean(text), parts=tuple(parts)))
        return Rendered(
            sections=tuple(sections),
            fields=tuple(self._report(insert) for insert in inserts),
            has_data=any(not insert.inline and insert.text for insert in inserts),
        )

    def _filled(self, at: Field, value: Any, error: FieldError) -> _Insert:
        """Describe a value, after an environment's names, a conversion, and its secrets."""
        insert = _Insert(at, value, at.options, error)
        if self._redactor is not None and self._redactor.is_environment(value):
            names = environment_names(value)
            insert.value = f"{len(names)} environment variables, names only:\n{', '.join(names)}"
            insert.kind, insert.options = "os.environ", ""
            insert.summary = f"{len(names)} names"
        elif type(value) is str and not at.conversion and _CELL.fullmatch(at.expression):
            insert.kind = "code of a cell"
        elif at.conversion:
            insert.value = self._tried(insert, "raised", lambda: _CONVERSIONS[at.conversion](value))
        if type(insert.value) is str and len(insert.value) <= _WHOLE:
            # Before it is cut, or half of a secret could stay.
            insert.value = self._scrub(insert, insert.value)
        self._fill(insert, self._budgets.field)
        return insert

    def _fill(self, insert: _Insert, budget: int) -> None:
        insert.described = self._tried(
            insert,
            "cannot be described:",
            lambda: self._describe(
                insert.value,
                name=insert.field.expression,
                options=insert.options,
                budget=budget,
                scrub=lambda text: self._scrub(insert, text),
            ),
        )
        insert.text = defused(self._scrub(insert, insert.described.text))

    def _scrub(self, insert: _Insert, text: str) -> str:
        if self._redactor is None:
            return text
        text, names = self._redactor.redact(text)
        insert.redacted.update(dict.fromkeys(names))
        return text

    def _tried(self, insert: _Insert, what: str, action: Callable[[], T]) -> T:
        """Run foreign code; whatever it raises is said in one line, but an interrupt passes."""
        at = insert.field
        try:
            return action()
        except KeyboardInterrupt:
            raise
        except UsageError as error:
            raise insert.error(at, str(error)) from error
        except BaseException as error:
            raise insert.error(at, f"{brief(at.source)} {what} {error_summary(error)}") from error

    def _shrink(self, inserts: list[_Insert]) -> None:
        """Describe the largest values again, shorter, until all fit into the message's budget."""
        budget, firm = self._budgets.message, set[int]()
        for attempt in range(_ROUNDS):
            if sum(insert.tokens for insert in inserts) <= budget:
                return
            loose = [insert for insert in inserts if id(insert) not in firm]
            rest = budget - sum(insert.tokens for insert in inserts if id(insert) in firm)
            level = _level([insert.tokens for insert in loose], int(rest * (1 - 0.1 * attempt)))
            if level < _LEAST:
                break
            for insert in loose:
                if (before := insert.tokens) > level:
                    self._fill(insert, level)
                    if insert.tokens >= before:
                        firm.add(id(insert))  # such as `full`: it takes what it takes
        sizes = sorted(((i.tokens, brief(i.field.source)) for i in inserts), reverse=True)
        total = sum(tokens for tokens, _ in sizes)
        if total > budget:
            table = ", ".join(f"{source} {tokens:,}" for tokens, source in sizes[:_SHOWN])
            more = f", and {len(sizes) - _SHOWN:,} more" if len(sizes) > _SHOWN else ""
            raise UsageError(
                f"the fields need {total:,} tokens and may have {budget:,} in a message: "
                f"{table}{more}. Nothing was sent. Insert less of them, such as {{{{df:schema}}}} "
                "or {{df:head=3}}, or raise ChatConfig.message_tokens"
            )

    def _report(self, insert: _Insert) -> FieldReport:
        described = insert.described
        words = described.summary if insert.summary is None else insert.summary
        return FieldReport(
            source=clean(insert.field.source),
            expression=clean(insert.field.expression),
            kind=clean(insert.kind or described.kind),
            summary=clean(words if self._redactor is None else self._redactor(words)),
            tokens=described.tokens,
            cut=described.cut,
            redacted=tuple(n for n in insert.redacted if f"[redacted: {n}]" in insert.text),
            inline=insert.inline,
        )


def defused(text: str) -> str:
    r"""Return `text` with a backslash in each mark that could end data or change the speaker."""
    return _MARKS.sub(r"\g<0>\\", text)


def _placed(items: list[str | _Insert]) -> Iterator[str]:
    """Give the pieces of a sentence; a name in backquotes gets no more of them."""
    for number, item in enumerate(items):
        if isinstance(item, str):
            yield item
        elif item.inline:
            yield item.text
        else:
            before, after = ["", *items][number], [*items, ""][number + 1]
            quoted = isinstance(before, str) and before.endswith("`")
            quoted = quoted and isinstance(after, str) and after.startswith("`")
            tick = "" if quoted else "``" if "`" in item.label else "`"
            yield f"{tick}{item.label}{tick}"


def message_id(key: bytes, texts: Iterable[str]) -> str:
    """Return the id of the blocks of a message, which depends on all that is sent, and the key."""
    mark = hashlib.blake2b(key=key, digest_size=_ID_BYTES)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        mark.update(len(data).to_bytes(8, "big") + data)
    return mark.hexdigest()


def block(name: str, kind: str, text: str, block_id: str) -> str:
    """Return a block of data, as `prompt.blocks` finds it again; `text` must be defused."""
    name, kind = _attribute(name), _attribute(kind)
    end = "" if text.endswith("\n") else "\n"
    return f'<data name="{name}" type="{kind}" id="{block_id}">\n{text}{end}</data>'


def _block(insert: _Insert, block_id: str) -> str:
    return block(insert.label, insert.kind or insert.described.kind, insert.text, block_id)


def _attribute(text: str) -> str:
    return html.escape(defused(text), quote=False).replace('"', "&quot;")


def _label(inserts: list[_Insert]) -> None:
    """Name each block: by its expression, with the options where one expression has several."""
    expressions = Counter(insert.field.expression for insert in inserts)
    taken = Counter[str]()
    for insert in inserts:
        label = insert.field.expression
        if expressions[label] > 1:
            label = insert.field.source.strip("{} \t")
        taken[label] += 1
        insert.label = label if taken[label] == 1 else f"{label} ({taken[label]})"


def _level(sizes: list[int], budget: int) -> int:
    """Return the size to which the largest must come down for all to fit into `budget`."""
    rest, count = budget, len(sizes)
    for size in sorted(sizes):
        if size * count > rest:
            return max(rest, 0) // count
        rest, count = rest - size, count - 1
    return max(sizes, default=0)
