"""Secrets in tables and pairs, told by the head of their column or the name beside them."""

from __future__ import annotations

from typing import Any

import pandas as pd  # type: ignore[import-untyped]  # ships no types
import polars as pl
import pytest

from eighty80_jupyter.prompt.describe.registry import describe
from eighty80_jupyter.prompt.secrets.redact import Redactor
from eighty80_jupyter.tools.result import result_text

HIDDEN = "hunter2pw"
USERS = {"user": ["bob", "al"], "password": [HIDDEN, "required"], "n": [1, 2]}
VALUES: dict[str, Any] = {
    "a column": pd.DataFrame(USERS),
    "a column of polars": pl.DataFrame(USERS),
    "a column of its own": pd.Series([HIDDEN], name="db_password"),
    "a row": pd.DataFrame(USERS).head(1).T,
    "an index": pd.Series({"user": "bob", "password": HIDDEN}),
    "names and values": pd.DataFrame({"key": ["user", "password"], "value": ["bob", HIDDEN]}),
    "pairs": [("user", "bob"), ("password", HIDDEN)],
    "records": [{"name": "password", "value": HIDDEN}],
    "a text of its own": f"user;api_key;n\nbob;{HIDDEN}1;3\n",
    "with tabs": f"user\tpassword\nbob\t{HIDDEN}\n",
    "with quotes": f'user,"password"\n"bob, al","{HIDDEN}"\n',
}


@pytest.mark.parametrize("form", VALUES)
def test_found(form: str) -> None:
    """What the user hands over and what a tool returns have all but the secret."""
    value = VALUES[form]
    for text in (describe(value, name="x", options="").text, result_text(value)):
        clean = Redactor({})(text)
        assert HIDDEN not in clean
        assert "[redacted: " in clean
        assert ("bob" in clean) is ("bob" in text)


ORDINARY = [
    "token,pos\nthe,DET\nrunning2,VERB\n",
    "all 3 rows, as CSV:\ntoken\nhello\nworld2024\n",
    "player,pass,goals\nKane,45,3\n",
    "user,has_password\nbob,True\n",
    "key,value\nalpha,1\nbeta2,2\n",
    "word,token_id\nfoo,1234567\n",
    "password,required\nemail,optional\n",
    "password,address_line_2\n",
    "text,label\nplease reset my password,support\nthe secret2 is out,other\n",
    "kind,password\nadmin,changeme\n",
    "fields = ['password', 'email_2']",
    "[('token', 'B-PER'), ('token', 'O')]",
    "{'name': 'token', 'value': 'the'}",
    'print("Password:", pw2); print("password:"+pw2+"x")',
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary(text: str) -> None:
    """Words, counts, flags and the names of columns stay."""
    assert Redactor({})(text) == text
