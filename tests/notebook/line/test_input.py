"""How IPython reads lines and cells of the magic, whatever stands around its name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell

from eighty80_jupyter import load_ipython_extension, unload_ipython_extension

LINE, CELL = "get_ipython().run_line_magic", "get_ipython().run_cell_magic"


@pytest.fixture(name="shell", scope="module")
def _shell() -> Iterator[InteractiveShell]:
    shell = InteractiveShell.instance()
    load_ipython_extension(shell)
    shell.run_line_magic("alias_magic", "ask chat")
    yield shell
    unload_ipython_extension(shell)
    InteractiveShell.clear_instance()


def read(shell: InteractiveShell, cell: str) -> str:
    """Return what IPython makes of a cell."""
    made: str = shell.input_transformer_manager.transform_cell(cell)
    return made.removesuffix("\n")


@pytest.mark.parametrize(
    "before",
    [
        "",
        "\n\n",
        "# a question\n",
        "#a\n\n  # b\n",
        "\u00a0",
        "\ufeff",
        "\u200b \t",
        "\u3000\n#x\n ",
    ],
)
@pytest.mark.parametrize("gap", [" ", "\t", "\u00a0", "\u2009\u200b", "\u3000 "])
def test_what_stands_around_a_cell_magic(shell: InteractiveShell, before: str, gap: str) -> None:
    """Comments, empty lines and spaces that nobody sees do not hide the magic or its options."""
    made = read(shell, f"{before}%%chat{gap}-t 1\nHello\n  # there")
    assert made == f"{CELL}('chat', '-t 1', 'Hello\\n  # there\\n')"


@pytest.mark.parametrize(
    "cell", ["%%chat\u200b\nHi", "\uff05\uff05chat\nHi", "%%chat \u00a0\r\nHi"]
)
def test_a_cell_magic_without_options(shell: InteractiveShell, cell: str) -> None:
    """The prompt is what stands below, and nothing of the line above it."""
    assert read(shell, cell) == f"{CELL}('chat', '', 'Hi\\n')"


@pytest.mark.parametrize(
    ("cell", "made"),
    [
        ("%chat\u00a0Hello", f"{LINE}('chat', 'Hello')"),
        ("\u00a0%chat Hello", f"{LINE}('chat', 'Hello')"),
        ("\u200b%chat\tHello", f"{LINE}('chat', 'Hello')"),
        ("%chat\u3000Why?", f"{LINE}('chat', 'Why?')"),
        ("%ask Why?", f"{LINE}('ask', 'Why?')"),
        ("%%ask\u00a0-t 1\nWhy", f"{CELL}('ask', '-t 1', 'Why\\n')"),
        ("%ask?", f"{LINE}('pinfo', '%ask')"),
        ("%%chat?", f"{LINE}('pinfo', '%%chat')"),
        ("%%chat --continue", f"{LINE}('chat', '--continue')"),
        ("%%chat --continue --dry-run", f"{LINE}('chat', '--continue --dry-run')"),
        ("%%chat --retry 2 -t 0.5\n\n", f"{LINE}('chat', '--retry 2 -t 0.5')"),
        ("%%chat -t 0.5", f"{CELL}('chat', '-t 0.5', '')"),
        ("# go on\n%%chat --continue", f"{LINE}('chat', '--continue')"),
        ("x = %chat Why is it?", f"x = {LINE}('chat_reply', 'Why is it?')"),
        ("x = %ask Why?", f"x = {LINE}('chat_reply', 'Why?')"),
        ("a, b[0].c = %chat Hi", f"a, b[0].c = {LINE}('chat_reply', 'Hi')"),
        ("x = %time 1", f"x = {LINE}('time', '1')"),
        ("for q in qs:\n    %chat {{q}}?", f"for q in qs:\n    {LINE}('chat', '{{{{q}}}}?')"),
        ("def f(q):\n\tr = %chat {{q}}?", f"def f(q):\n\tr = {LINE}('chat_reply', '{{{{q}}}}?')"),
        ("y = %time 1\nx = %chat a?", f"y = {LINE}('time', '1')\nx = {LINE}('chat_reply', 'a?')"),
    ],
)
def test_lines(shell: InteractiveShell, cell: str, made: str) -> None:
    """A question mark, an alias, an assignment and white space of any sort are understood."""
    assert read(shell, cell) == made


@pytest.mark.parametrize(
    "cell",
    [
        "# only a comment",
        "x = 5 % chat",
        "%%bash\n\u00a0%chat x",
        "%chatter x",
        's = """\n%%chat\n"""',
    ],
)
def test_what_is_no_chat_is_left_alone(shell: InteractiveShell, cell: str) -> None:
    """Other cells are read as ever."""
    made = read(shell, cell)
    assert "'chat'" not in made
    assert "chat_reply" not in made


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ("%%chat -t 0.2\n", "incomplete"),
        ("# a\n%%chat\nHi\n", "incomplete"),
        ("%chat Why?", "complete"),
    ],
)
def test_a_terminal_waits_for_the_prompt(shell: InteractiveShell, typed: str, status: str) -> None:
    """Options that need a prompt do not end a cell that is being typed."""
    assert shell.input_transformer_manager.check_complete(typed)[0] == status


def test_unloading_leaves_nothing(shell: InteractiveShell) -> None:
    """What was added to the reading of input goes with the extension, and comes once only."""
    manager = shell.input_transformer_manager

    def ours() -> list[str]:
        found = [*manager.cleanup_transforms, *manager.token_transformers]
        names = [getattr(transform, "__name__", "") for transform in found]
        return sorted(name for name in names if "chat" in name.lower())

    load_ipython_extension(shell)
    assert ours() == ["ChatAssign", "ChatCommand", "plain_chat"]
    unload_ipython_extension(shell)
    assert ours() == []
    assert "chat_reply" not in shell.magics_manager.magics["line"]
    load_ipython_extension(shell)
