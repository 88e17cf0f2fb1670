"""How Sphinx builds the documentation: `make docs`, with every warning an error."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.application import Sphinx

import eighty80_jupyter

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "eighty80_jupyter"
author = "The eighty80_jupyter developers"
copyright = author  # noqa: A001  # the name that Sphinx reads
version = release = eighty80_jupyter.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "sphinx_design",
    "chat_lexer",
    "reference_tables",
]
exclude_patterns = ["_ext"]
# A kernel's word for a language, which no lexer here knows better than the text itself.
suppress_warnings = ["misc.highlighting_failure"]

# The notebooks are shown as they are committed; a test runs them and compares.
nb_execution_mode = "off"
nb_merge_streams = True

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 4

# Single backticks in docstrings are code.
default_role = "code"
highlight_language = "chat"
# Words of the command line and of Python stand in the text: no dashes and quotes of typographers.
smartquotes = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90

html_theme = "pydata_sphinx_theme"
html_title = "eighty80_jupyter"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sourcelink = False
html_domain_indices = False  # there is one module
html_theme_options = {
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "navbar_align": "left",
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars: dict[str, list[str]] = {"index": []}
copybutton_exclude = ".linenos, .gp, .go"


def copy_notebooks(*_: object) -> None:
    """Put the notebooks where Sphinx finds pages; those that are gone go here, too."""
    target = HERE / "tutorial"
    sources = {path.name: path for path in (HERE.parent / "notebooks").glob("*.ipynb")}
    for old in target.glob("*.ipynb"):
        if old.name not in sources:
            old.unlink()
    for name, path in sources.items():
        copy = target / name
        # In the repository the links lead from notebooks/ to docs/.
        text = path.read_text(encoding="utf-8").replace("](../docs/", "](../")
        if not copy.is_file() or copy.read_text(encoding="utf-8") != text:
            copy.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Register what happens before the pages are looked for."""
    app.connect("config-inited", copy_notebooks)
