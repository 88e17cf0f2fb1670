"""The redactor for many texts says the same as the whole one, whatever it does not look for."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.prompt.secrets.clients import CLIENT_PATTERNS
from eighty80_jupyter.prompt.secrets.patterns import PATTERNS
from eighty80_jupyter.prompt.secrets.redact import Redactor
from eighty80_jupyter.prompt.secrets.steady import SteadyRedactor
from eighty80_jupyter.wire.secret import Secret

DATA = Path(__file__).parents[2] / "data" / "secrets"
VALUE = "s3cr3t-value/1234+zz"
WHOLE = Redactor({"DB_PASSWORD": VALUE, "API_TOKEN": "plainwords"}, Secret("own-key-0123456789"))
STEADY = SteadyRedactor(WHOLE)
LINES = [
    line.translate({0xAB: None, 0xBB: None, 0xB6: "\n"})
    for file in ("found.txt", "ordinary.txt")
    for line in (DATA / file).read_text(encoding="utf-8").splitlines()
]
WORDS = sorted({word for pattern in (*PATTERNS, *CLIENT_PATTERNS) for word in pattern.words})
FORMS = sorted({form for secret in WHOLE.known() for form in secret.forms})
PIECES = [
    *WORDS, *FORMS, VALUE[:8], "password=", "PassWord: ", "pa\u017f\u017fword=hunter2x",
    "to\u212aen=", "Cookie: id=", " is ", "…", "...", "\n", "\\n", "\r\n", "> ", "hunter2x9",
    "A1b2C3d4E5f6G7h8I9j0K1", "0123456789abcdef0123456789abcdef", "user:", "@host/", "'", '"',
    " ", "=", ":", ";",
]  # fmt: skip


@pytest.mark.parametrize("start", range(0, len(LINES), 200))
def test_the_corpus(start: int) -> None:
    """Both say the same of every line of the corpus, alone and with the next one."""
    for one, two in zip(LINES[start : start + 200], LINES[start + 1 :], strict=False):
        for text in (one, f"{one}\n{two}"):
            assert STEADY.redact(text) == WHOLE(text)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=12).map("".join))
def test_any_text(text: str) -> None:
    """Both say the same of texts that are made of what secrets are made of."""
    assert STEADY.redact(text) == WHOLE(text)


@given(st.lists(st.lists(st.sampled_from(PIECES) | st.text(max_size=9), max_size=6).map("".join)))
def test_many_texts_at_once(texts: list[str]) -> None:
    """Looking at many texts together finds what is in each."""
    assert STEADY.redact_all(texts) == [WHOLE(text) for text in texts]


def test_broken_and_cut_secrets() -> None:
    """Both find a known secret that a line end breaks up, or that was cut."""
    for broken, cut in product(("\n", "\\n", "\n> ", '"\n"'), ("…", "...", "\n[…")):
        for text in (
            f"a {VALUE[:4]}{broken}{VALUE[4:]} b",
            f"a {VALUE[:9]}{broken}{VALUE[9:]} b",
            f"a {VALUE[:12]}{cut}",
        ):
            assert STEADY.redact(text) == WHOLE(text) != text


def test_ordinary_texts_take_the_short_way() -> None:
    """Most lines of ordinary text are not searched in full."""
    passed: list[str] = []
    redactor = Redactor({}, Secret("own-key-0123456789"))

    class Counting(Redactor):
        def redact(self, text: str, *_: object) -> tuple[str, tuple[str, ...]]:
            passed.append(text)
            return redactor.redact(text)

    steady = SteadyRedactor(Counting({}, Secret("own-key-0123456789")))
    texts = [
        f"The printer on floor {n} stops after {n} pages; light: red (1.5 s)." for n in range(99)
    ]
    assert [steady.redact(text) for text in texts] == texts
    assert not passed
