"""Secrets in tables and pairs, told by the head of their column or the name beside them."""

from __future__ import annotations

from typing import Any

import duckdb
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
    "frequent values": pd.DataFrame(
        {"user": ["bob", "al"] * 99, "password": [HIDDEN, "x,1z!"] * 99}
    ),
    "frequent values of polars": pl.DataFrame({"user": ["bob"] * 99, "password": [HIDDEN] * 99}),
    "a column of frequent values": pd.Series([HIDDEN, "a"] * 99, name="db_password"),
    "lists": {"user": ["bob"], "password": [None, "required", None, HIDDEN]},
    "arrays in code": f"User(user='bob', passwords=np.array([\"{HIDDEN}\", 'x']))",
    "Markdown": f"| **user** | `password` |\n|:--|---|\n| bob \\| al | {HIDDEN} |\n",
    "a client of PostgreSQL": f" user | password\n------+----------\n bob  | {HIDDEN}\n",
    "a grid": f"+---+---+\n|user|password|\n+===+===+\n|bob|x|\n+---+---+\n|al|{HIDDEN}|\n",
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


PRINTED: dict[str, Any] = {
    "pandas": pd.DataFrame({**USERS, "password": [None, HIDDEN]}),
    "pandas, few": pd.DataFrame(USERS)[["password"]],
    "pandas without an index": pd.DataFrame(USERS).to_string(index=False),
    "pandas on its side": pd.DataFrame(USERS).T,
    "pandas, a row": pd.DataFrame(USERS).iloc[0],
    "pandas, described": pd.DataFrame(USERS).describe(include="all"),
    "polars": pl.DataFrame({"user": ["bob", "al"], "password": ["", HIDDEN]}),
    "DuckDB": duckdb.sql(f"select 'bob' as user, '{HIDDEN}' as password"),
}


@pytest.mark.parametrize("library", PRINTED)
def test_printed(library: str) -> None:
    """What a library prints of a table has all but the secret, below its name or beside it."""
    text = str(PRINTED[library])
    assert HIDDEN in text
    clean = Redactor({})(f"It is:\n{text}\n\nand no more.")
    assert HIDDEN not in clean
    assert "[redacted: password]" in clean
    assert ("bob" in clean) is ("bob" in text)
    assert clean.count("\n") == text.count("\n") + 3


@pytest.mark.parametrize("options", ["csv", "md", "json"])
def test_formats(options: str) -> None:
    """A format that is asked for has no secret that another would not have."""
    for value in (VALUES["a column"], VALUES["an index"], VALUES["frequent values"].head(9)):
        clean = Redactor({})(describe(value, name="x", options=options).text)
        assert HIDDEN not in clean
        assert "[redacted: password]" in clean
        assert "bob" in clean


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
    "| password | string |\n| address2 | string |\n",
    "| field | password |\n|---|---|\n| type | string |\n",
    "- password: str, 2 unique: required 30, optional 4\n",
    '"password": ["required", "min:8", "max:64"]',
    """{'passwords': ("://a:" + "b" * 300)}""",
    "    user    password\n    address2\n    address3\n",
    "password     uint16\nuser         string\n",
    "password  VARCHAR2(30)\nuser      CHAR(3)\n",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary(text: str) -> None:
    """Words, counts, flags and the names of columns stay."""
    assert Redactor({})(text) == text
