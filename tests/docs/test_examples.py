"""Every example of the documentation runs, in a real kernel against the scripted server."""

from __future__ import annotations

import json
import re
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.pages import examples, name, pages
from tests.support.kernel import KernelSession
from tests.support.replies import (
    Reply,
    chat_reply,
    models_reply,
    sse_reply,
    stream_reply,
    tool_call,
    tool_chunks,
)
from tests.support.scripted import Request, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

WITH_EXAMPLES = [path for path in pages() if examples(path.read_text(encoding="utf-8"))]

# Before each page: nothing of the page before is left, the folder is its own, `chat` is there.
FRESH = """\
%reset -f
%unload_ext eighty80_jupyter
for _name in [n for n in vars(get_ipython()) if n.startswith("_eighty80")]:
    delattr(get_ipython(), _name)
%cd -q {folder}
%load_ext eighty80_jupyter
from eighty80_jupyter import chat
"""


class Model:
    """A model that says what a page wants it to say, or something of the form that is asked for."""

    def __init__(self) -> None:
        self.answers: deque[str] = deque()

    def __call__(self, request: Request) -> Reply | None:
        """Answer one request."""
        if request.path.endswith("/models"):
            return models_reply("8080/taalas/llama3.1-8b-instruct")
        body = request.json
        text = self.answers.popleft() if self.answers else self._answer(body)
        if call := re.fullmatch(r"call (\w+) (.*)", text):
            calls = [tool_call(call[1], json.loads(call[2]))]
            if body.get("stream"):
                return sse_reply(tool_chunks(*calls))
            return chat_reply(None, finish_reason="tool_calls", tool_calls=calls)
        return stream_reply(text) if body.get("stream") else chat_reply(text)

    def _answer(self, body: dict[str, Any]) -> str:
        form = body.get("response_format") or {}
        if form.get("type") == "json_schema":
            schema = form["json_schema"]["schema"]
            return json.dumps(value_of(schema, schema.get("$defs", {})))
        if form:
            return "{}"
        return "An answer.\n\n```python\nx = 1\n```\n"


def value_of(schema: dict[str, Any], named: dict[str, Any]) -> Any:
    """Return a value that a JSON Schema allows."""
    if "$ref" in schema:
        return value_of(named[schema["$ref"].rpartition("/")[2]], named)
    for words in ("enum", "anyOf", "oneOf"):
        if words in schema:
            first = schema[words][0]
            return first if words == "enum" else value_of(first, named)
    match schema.get("type"):
        case "object":
            return {key: value_of(of, named) for key, of in schema.get("properties", {}).items()}
        case "array":
            return [value_of(schema.get("items", {}), named)]
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return True
        case "null":
            return None
    return schema.get("const", "2026-01-02" if schema.get("format") == "date" else "text")


@pytest.fixture(name="model", scope="module")
def _model() -> Model:
    return Model()


@pytest.fixture(name="kernel", scope="module")
def _kernel(model: Model) -> Iterator[KernelSession]:
    """Give one kernel to all pages, as starting one takes a second."""
    with ScriptedServer(model) as server:
        env = {"_8080_API_URL": server.url, "_8080_API_KEY": "sk-docs-test"}
        with KernelSession(env=env, startup="%load_ext eighty80_jupyter") as kernel:
            yield kernel


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=name)
def test_the_examples_of_a_page_run(
    path: Path, kernel: KernelSession, model: Model, tmp_path: Path
) -> None:
    """From the first to the last, each example ends as its page says."""
    model.answers.clear()
    assert kernel.run(FRESH.format(folder=tmp_path)).ok
    for example in examples(path.read_text(encoding="utf-8")):
        model.answers.extend(example.answers)
        result = kernel.run(example.code)
        said = result.error.ename if result.error else ""
        place = f"{name(path)}:{example.line}"
        shown = result.error.plain if result.error else ""
        assert said == example.fails, f"{place}\n{example.code}\n{shown}"
