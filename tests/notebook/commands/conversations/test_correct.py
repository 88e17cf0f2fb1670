"""Correcting conversations, in a real kernel: undo, retry, edit, go on, ask again."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.notebook.attended import AttendedKernel, new_cells
from tests.notebook.commands.conversations.asking import ask, failure, sent, value
from tests.support.replies import Gate, error_reply, sse_reply, stream_reply, text_chunks

if TYPE_CHECKING:
    from tests.support.kernel import Result
    from tests.support.scripted import ScriptedServer


def test_undo_says_what_is_gone(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """--undo takes the last turn, or N, and names them; too many are refused and none is lost."""
    ask(kernel, server, "one", "two", "three is\n" + "long " * 40)
    assert kernel.run("%chat --undo").stdout.startswith("Undone: 3. three is long long")
    assert "cannot undo 3" in failure(kernel.run("%chat --undo 3"))
    assert value(kernel, "len(chat.conversation)") == "2"
    result = kernel.run("%chat --undo 2")
    assert (result.stdout, result.data()) == (
        "Undone: 1. one\nUndone: 2. two\n",
        ["main has 0 turns."],
    )
    assert "no turn yet" in failure(kernel.run("%chat --edit"))


def test_undo_before_a_prompt(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """What stands before a prompt is done first, and not at all if the prompt cannot be sent."""
    ask(kernel, server, "one", "two")
    assert "no variable 'nothing'" in failure(kernel.run("%%chat --undo\nthree {{nothing}}"))
    assert value(kernel, "len(chat.conversation)") == "2"
    server.queue(stream_reply("THREE"))
    assert kernel.run("%%chat --undo\nthree").ok
    assert sent(server) == ["one", "ONE", "three"]


def test_retry_keeps_the_earlier_answer(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """--retry sends the same again, with its parameters and those given; answers switch."""
    kernel.run("x = 1")
    server.queue(stream_reply("ONE"))
    kernel.run('%%chat -t 0.9 --max-tokens 50 --extra {"top_k":3}\nx is {{x}}')
    kernel.run("x = 2")
    server.queue(stream_reply("OTHER"))
    result = kernel.run("%chat --retry -t 0.1")
    assert result.ok, result.error
    assert result.data()[0] == "OTHER"
    assert "turn 1, answer 2 of 2" in result.data()[-1]
    first, again = (request.json for request in server.requests)
    assert again == {**first, "temperature": 0.1}
    assert sent(server) == ["x is 1"]
    shown = kernel.run("%chat --alternative 1")
    assert "ONE" in shown.data()[0]
    assert "1 of 2" in shown.data("text/html")[0]
    ask(kernel, server, "next")
    assert sent(server) == ["x is 1", "ONE", "next"]
    assert "turn 2 has 1 alternative, got number 2" in failure(kernel.run("%chat --alternative 2"))
    assert "1 with alternatives" in kernel.run("%chat").data()[0]
    server.queue(stream_reply("THIRD"))
    assert kernel.run("%chat --retry 1").ok
    assert value(kernel, "[len(t.alternatives) for t in chat.conversation]") == "[3, 1]"
    assert (
        "1. You:\nx is 1\n\nModel · 2 of 3; answer 1: temperature 0.9; answer 3: temperature 0.9:"
        "\nOTHER" in (kernel.run("%chat --alternative 2 --at 1").data()[0])
    )
    assert value(kernel, "[t.chosen for t in chat.conversation]") == "[1, 0]"
    assert "has no turn 9" in failure(kernel.run("%chat --alternative 1 --at 9"))


def test_retry_that_fails_changes_nothing(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """A retry that the server refuses leaves the turn and its answer as they were."""
    ask(kernel, server, "one")
    server.queue(error_reply(500, "out of order"))
    assert failure(kernel.run("%chat --retry")).startswith("ServerError")
    assert value(kernel, "[(t.reply.text, len(t.alternatives)) for t in chat.conversation]") == (
        "[('ONE', 1)]"
    )
    assert "takes none" in failure(kernel.run("%chat --retry what"))


def test_edit_puts_the_prompt_into_a_cell(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """--edit gives a cell with the prompt as typed, whose answer takes its place in the turn."""
    kernel.run("x = 5")
    ask(kernel, server, "x is {{x}}", "two")
    (cell,) = new_cells(kernel.run_cell("%chat --edit 1"))
    assert cell == "%%chat --again 1\nx is {{x}}"
    server.queue(stream_reply("CHANGED"))
    result = kernel.run(cell.replace("is", "was"))
    assert result.ok, result.error
    assert sent(server) == ["x was 5"]
    assert value(kernel, "[t.reply.text for t in chat.conversation]") == "['CHANGED', 'TWO']"
    assert value(kernel, "[a.reply.text for a in chat.conversation[0].alternatives]") == (
        "['X IS {{X}}', 'CHANGED']"
    )
    shown = kernel.run("%chat --edit 2")
    assert "makes no new cell" in shown.stdout
    assert shown.data() == ["%%chat --again 2\ntwo"]


def test_edit_keeps_what_the_cell_was_asked_with(
    kernel: AttendedKernel, server: ScriptedServer
) -> None:
    """The new cell has the parameters that are no settings, and --raw where braces are text."""
    server.queue(stream_reply("ONE"), stream_reply("TWO"))
    assert kernel.run("%chat --set temperature=0.5").ok
    try:
        result = kernel.run("%%chat --max-tokens 9 --stop 'a b' --raw\n{{nothing}}")
        assert result.ok, result.error
        (cell,) = new_cells(kernel.run_cell("%chat --edit"))
        assert cell == '%%chat --again 1 --max-tokens 9 --stop "a b" --raw\n{{nothing}}'
        assert kernel.run_cell(cell).ok
    finally:
        assert kernel.run("%chat --set temperature=default").ok
    assert server.requests[0].json == server.requests[1].json


def test_edit_offers_the_same_tools(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """A prompt that was asked with tools is asked with them again, if no setting names them."""
    assert kernel.run("@chat.tool(safe=True)\ndef look() -> int:\n    'Look.'\n    return 5").ok
    server.queue(stream_reply("ONE"), stream_reply("TWO"))
    assert kernel.run("%%chat --tools look\nLook!").ok
    (cell,) = new_cells(kernel.run_cell("%chat --edit"))
    assert cell == "%%chat --again 1 --tools look\nLook!"
    assert kernel.run_cell(cell).ok
    assert server.requests[0].json == server.requests[1].json
    assert kernel.run("%chat --set tools=all").ok
    try:
        (cell,) = new_cells(kernel.run_cell("%chat --edit"))
    finally:
        assert kernel.run("%chat --set tools=default").ok
    assert cell == "%%chat --again 1\nLook!"


def test_a_prompt_without_text_has_nothing_to_edit(
    kernel: AttendedKernel, server: ScriptedServer
) -> None:
    """Of a prompt from Python the texts are put back, and no word that stands for a picture."""
    server.queue(stream_reply("ONE"), stream_reply("TWO"))
    kernel.run("from PIL import Image; picture = Image.new('RGB', (2, 2))")
    assert kernel.run("chat.ask([picture])").ok
    assert "no text to edit" in failure(kernel.run_cell("%chat --edit"))
    assert kernel.run("chat.ask(['What is this?', picture])").ok
    (cell,) = new_cells(kernel.run_cell("%chat --edit"))
    assert cell.splitlines()[1:] == ["What is this?"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--save none/talk.json", "there is no directory"),
        ("--save .", "is a directory"),
        ("--export talk.doc", "the suffix says what an export is"),
        ("--save talk.json --without words", "only data, images, tools can be left out"),
    ],
)
def test_a_file_that_cannot_be_is_refused_before_the_prompt_is_sent(
    kernel: AttendedKernel, server: ScriptedServer, options: str, message: str
) -> None:
    """What is done after the answer is checked before it is paid for."""
    assert message in failure(kernel.run(f"%%chat {options}\nHello"))
    assert server.requests == []


def test_retry_offers_the_same_tools(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """What a turn offered its retry offers too; what is gone is told, and `--anyway` sends."""
    kernel.run(
        "@chat.tool(safe=True)\ndef price(ticker: str) -> int:\n    'Price.'\n    return 5\n"
        "@chat.tool(safe=True)\ndef gone() -> int:\n    'Gone.'\n    return 1"
    )
    server.queue(*(stream_reply(str(number)) for number in range(4)))
    assert kernel.run("%chat --tools price,gone How much?").ok
    kernel.run("from eighty80_jupyter.tools.toolbox import ToolBox; here = chat.tools['price']")
    kernel.run("chat.tools = ToolBox(); chat.tools.add(here)")
    assert "gone" in failure(kernel.run("%chat --retry"))
    assert kernel.run("%chat --retry --anyway").ok
    assert "do not go together" in failure(kernel.run("%chat --retry --anyway -n 2"))
    assert kernel.run("%chat --retry --no-tools -n 2").ok
    tools = [
        [tool["function"]["name"] for tool in request.json.get("tools", ())]
        for request in server.requests
    ]
    assert tools[0] == ["price", "gone"]
    assert tools[1:] == [["price"], []]


def test_same_cell_again_replaces_its_turn(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """A cell that runs again right after its turn answers that turn anew; later it adds one."""
    server.queue(*map(stream_reply, ("A", "B", "C", "D", "E")))
    kernel.run_cell("%chat first", "cell-1")
    kernel.run_cell("%%chat\nsecond", "cell-2")
    result = kernel.run_cell("%%chat\nsecond?", "cell-2")
    assert "turn 2, answer 2 of 2" in result.data()[-1]
    assert sent(server) == ["first", "A", "second?"]
    assert value(kernel, "[t.reply.text for t in chat.conversation]") == "['A', 'C']"
    kernel.run_cell("%chat first", "cell-1")  # another turn stands between
    assert sent(server) == ["first", "A", "second?", "C", "first"]
    kernel.run("%config ChatConfig.replace_on_rerun = False")
    kernel.run_cell("%chat first", "cell-1")
    kernel.run("%config ChatConfig.replace_on_rerun = True")
    assert value(kernel, "[t.reply.text for t in chat.conversation]") == "['A', 'C', 'D', 'E']"


def test_same_cell_with_several_prompts(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """Two prompts of one cell are two turns, and each is answered anew when the cell runs again."""
    server.queue(*map(stream_reply, ("A", "B", "A2", "B2", "C2")))
    kernel.run_cell("%chat one\n%chat two", "cell-1")
    assert value(kernel, "[t.reply.text for t in chat.conversation]") == "['A', 'B']"
    kernel.run_cell("%chat one\n%chat two\n%chat three", "cell-1")
    assert value(kernel, "[t.reply.text for t in chat.conversation]") == "['A2', 'B2', 'C2']"
    assert sent(server) == ["one", "A2", "two", "B2", "three"]


def test_cells_without_an_id_add_turns(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """Where the front end names no cell, the same prompt again is another turn."""
    server.queue(stream_reply("A"), stream_reply("B"))
    kernel.run_cell("%chat one")
    kernel.run_cell("%chat one")
    assert value(kernel, "[t.reply.text for t in chat.conversation]") == "['A', 'B']"


def test_a_dry_run_of_the_same_cell(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """A dry run shows what the cell would send when it runs again, and takes no turn's place."""
    server.queue(stream_reply("A"), stream_reply("B"))
    kernel.run_cell("%chat one", "cell-1")
    shown = kernel.run_cell("%chat --dry-run one\n%chat one", "cell-1").data()[0]
    assert "[assistant]" not in shown
    assert value(kernel, "[len(t.alternatives) for t in chat.conversation]") == "[2]"


def test_once_leaves_no_trace(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """--once neither sends the history nor enters it; the reply can be used all the same."""
    ask(kernel, server, "one")
    server.queue(stream_reply("ASIDE"))
    result = kernel.run("%%chat --once --into aside\nquick question")
    assert result.ok, result.error
    assert sent(server) == ["quick question"]
    assert (
        value(kernel, "len(chat.conversation), aside.text, chat.last.text")
        == "(1, 'ASIDE', 'ASIDE')"
    )
    saved = result.outputs[-1]["metadata"]["eighty80_jupyter"]
    assert "turn" not in saved
    assert "do not go together" in failure(kernel.run("%%chat --once --again 1\nx"))


def test_continue_after_a_cut(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """--continue goes on with the cut answer: one text on the page, one in the history."""
    server.queue(sse_reply(text_chunks("The quick ```py\nbrown", finish_reason="length")))
    kernel.run("%%chat --max-tokens 5\ntell")
    server.queue(stream_reply("_fox = 1\n``` end."))
    result = kernel.run("%%chat --continue")
    assert result.ok, result.error
    assert result.data()[0] == "The quick ```py\nbrown_fox = 1\n``` end."
    assert sent(server)[:2] == ["tell", "The quick ```py\nbrown"]
    assert sent(server)[2].startswith("Continue exactly where you stopped")
    assert server.requests[-1].json["max_completion_tokens"] == 5
    assert value(kernel, "[a.reply.text for a in chat.conversation[0].alternatives]") == repr(
        ["The quick ```py\nbrown", "The quick ```py\nbrown_fox = 1\n``` end."]
    )
    first, both = (
        value(kernel, f"chat.conversation[0].alternatives[{n}].reply.usage.completion_tokens")
        for n in (0, 1)
    )
    assert int(both) > int(first) > 0
    ask(kernel, server, "next")
    assert sent(server) == ["tell", "The quick ```py\nbrown_fox = 1\n``` end.", "next"]
    assert "is whole" in failure(kernel.run("%chat --continue"))


def test_continue_that_says_it_again(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """Words that the model repeats before it goes on are neither drawn nor kept twice."""
    begun = "The Rhine is a river in Europe, and it"
    server.queue(
        sse_reply(text_chunks(begun, finish_reason="length")),
        stream_reply(f"{begun} is long."),
    )
    kernel.run("%chat tell")
    result = kernel.run("%chat --continue")
    assert result.data()[0] == f"{begun} is long."
    assert value(kernel, "chat.conversation[-1].reply.text") == f"{begun} is long."


def is_drawn(result: Result, words: str) -> bool:
    """Tell whether the cell shows these words."""
    return any(words in html for html in result.data("text/html"))


def test_continue_after_an_interrupt(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """What was interrupted can be gone on with, and once more if that is interrupted too."""
    for words in ("one ", "two "):
        gate = threading.Event()
        server.queue(sse_reply([*text_chunks(words, n=1)[:2], Gate(gate)], done=False))
        running = kernel.submit("%chat count" if words == "one " else "%chat --continue")
        kernel.wait_for(partial(is_drawn, running, words.strip()), what="the first words")
        kernel.interrupt()
        kernel.finish(running)
        gate.set()
        assert failure(running).startswith("ChatInterrupted")
    server.queue(stream_reply("three"))
    assert kernel.run("%%chat --continue\nGo on, in English.").ok
    assert sent(server) == ["count", "one two ", "Go on, in English."]
    assert value(kernel, "chat.conversation[0].reply.text") == "one two three"
    assert value(kernel, "chat.conversation[0].source") == "count"
