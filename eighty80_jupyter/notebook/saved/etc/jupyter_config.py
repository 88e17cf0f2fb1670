"""Have `nbconvert --to markdown`, and JupyterLab's menu, write replies as the Markdown they are.

All Jupyter programs of an environment read this file, and those of others may: where the package is
not, it says nothing.
"""

from importlib.util import find_spec

if find_spec("eighty80_jupyter") is not None:
    # traitlets runs this file with `c`, to which whoever has a file of this name adds.
    c.MarkdownExporter.preprocessors.append(  # type: ignore[name-defined]  # noqa: F821  # see above
        "eighty80_jupyter.notebook.saved.nbconvert_markdown.as_markdown"
    )
