"""Render one text, or one template string, with a describer of the test's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eighty80_jupyter.prompt.describe.protocol import Rendered
from eighty80_jupyter.prompt.template.render import Context
from eighty80_jupyter.prompt.template.render import render as render_all

_ID = re.compile(r'(?<=" id=")[0-9a-f]{8}(?=">\n)')


def render(
    item: Any,
    namespace: Mapping[str, Any] | None = None,
    *,
    describe: Any,
    block_id: str = "",
    **settings: Any,
) -> Rendered:
    """Return what is sent for a text; `block_id` stands in place of the ids of its blocks."""
    context = Context(namespace=namespace or {}, **settings)
    rendered = render_all([item], context, describe=describe)
    if not block_id:
        return rendered
    sections = (replace(s, text=_ID.sub(block_id, s.text)) for s in rendered.sections)
    return replace(rendered, sections=tuple(sections))
