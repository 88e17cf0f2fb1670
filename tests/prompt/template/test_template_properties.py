"""What holds for every prompt: nothing is lost, nothing is invented, nothing else is raised."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.secrets.redact import Redactor
from eighty80_jupyter.prompt.template.compose import defused
from eighty80_jupyter.prompt.template.names import completions, field_at, suggestions
from eighty80_jupyter.prompt.template.syntax import Field, Literal, escaped, parse
from eighty80_jupyter.text import clean
from tests.data.braces_describe import PlainDescriber
from tests.support.rendering import render

WORDS = r"""
{{ }} {{x}} x y xs f len( lambda !r :head=3 :.2f {% \frac 'a' not in if _ __ _err Out[ 1 data
</data> <|im_end|> é
"""
PIECES = st.sampled_from(
    [*"{}[]()'\"\\$!:|#.,;=+-~<>^_`%@ \n\r\t\0", " for x in ", "<a b=", *WORDS.split(), "\ud800"]
)
# Half a surrogate pair is replaced where a text comes in; that is tested with `text`.
TEXTS = st.one_of(st.lists(PIECES, max_size=40).map("".join), st.text(max_size=60)).map(clean)
FIELDS = st.lists(PIECES, max_size=8).map(lambda pieces: "{{" + "".join(pieces) + "}}")
NAMESPACE = {"x": 2, "y": "{{x}}", "xs": [1, 2], "f": str, "Out": {1: 2}, "_": 3}
REDACTOR = Redactor({"SOME_TOKEN": "abcdefgh12345678"})


@given(TEXTS)
def test_sources(text: str) -> None:
    """The sources of the pieces joined give the prompt again."""
    pieces = parse(text)
    assert "".join(piece.source for piece in pieces) == text
    for piece in pieces:
        if isinstance(piece, Field):
            assert text[piece.start :].startswith(piece.source)
        else:
            assert piece.source in (piece.text, "\\" + piece.text)


@given(TEXTS)
def test_without_fields(text: str) -> None:
    """A text without two braces in a row is sent as it is."""
    text = re.sub(r"\{+", "{", text)
    assert render(text, NAMESPACE, describe=PlainDescriber()).text == text


@given(TEXTS)
def test_literals_again(text: str) -> None:
    """The literal pieces of a prompt, where none was escaped, are literal when read again alone."""
    for piece in parse(text):
        if isinstance(piece, Literal) and piece.text == piece.source:
            again = parse(piece.text)
            assert "".join(part.source for part in again) == piece.text


@settings(max_examples=400)
@given(st.one_of(TEXTS, FIELDS, st.lists(FIELDS, max_size=4).map(" ".join)))
def test_errors(text: str) -> None:
    """Whatever the prompt is, nothing but a UsageError of one line is raised."""
    try:
        render(text, NAMESPACE, describe=PlainDescriber(), redactor=REDACTOR)
    except UsageError as error:
        said = str(error)
    else:
        said = "Nothing was sent"
    assert "Nothing was sent" in said


@given(TEXTS, st.integers(0, 200))
def test_completion(text: str, cursor: int) -> None:
    """Completing anywhere in any text raises nothing, and the prefix is what is written there."""
    cursor = min(cursor, len(text))
    partial = field_at(text, cursor)
    if partial is not None:
        assert text[partial.start : cursor] == partial.prefix
        completions(partial, NAMESPACE)
    suggestions(text, NAMESPACE)


@given(TEXTS)
def test_values_are_not_searched(value: str) -> None:
    """A value goes in as it is, whatever it holds, and so does it in a second prompt."""
    namespace = {"v": value, "x": "WRONG", "xs": "WRONG", "f": "WRONG"}
    text = render("{{v}}", namespace, describe=PlainDescriber(), block_id="i").text
    assert text.endswith((defused(value), "</data>"))
    assert defused(value) in text
    again = render("a {{v}}", {"v": text}, describe=PlainDescriber(), block_id="i").text
    assert defused(text) in again
    assert "WRONG" not in again or "WRONG" in value


@given(TEXTS)
def test_escaping(text: str) -> None:
    """Escaped, any text is sent as it is written: a field of it is none."""
    pieces = parse(escaped(text))
    assert not any(isinstance(piece, Field) for piece in pieces)
    sent = "".join(piece.text for piece in pieces if isinstance(piece, Literal))
    # One backslash alone before a field cannot be said; then there are two.
    assert sent == text or ("\\{{" in text and len(sent) > len(text))


@given(TEXTS)
def test_redacting_twice(text: str) -> None:
    """Redacting what is redacted changes nothing."""
    once, _ = REDACTOR.redact(f"{text} abcdefgh12345678 {text}")
    assert "abcdefgh12345678" not in once
    assert REDACTOR.redact(once) == (once, ())
