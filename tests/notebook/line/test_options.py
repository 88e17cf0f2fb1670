"""The options of the magics: what is parsed, and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.api.request_parameters import PARAMETERS
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.commands.registry import COMMANDS
from eighty80_jupyter.notebook.line.manual import manual
from eighty80_jupyter.notebook.line.options import OPTIONS
from eighty80_jupyter.notebook.line.parser import parse


@pytest.mark.parametrize(
    ("line", "values", "rest"),
    [
        ("", {}, ""),
        ("What is 2+2?", {}, "What is 2+2?"),
        ('it\'s "quoted" $5 {x} \\n', {}, 'it\'s "quoted" $5 {x} \\n'),
        ("-t 0.5 hello", {"temperature": 0.5}, "hello"),
        ("-t0.5 hello", {"temperature": 0.5}, "hello"),
        ("--temperature=1 hello", {"temperature": 1}, "hello"),
        ("-m 'a b' --top-p .9 x -t 2", {"model": "a b", "top_p": 0.9}, "x -t 2"),
        ("--stop a --stop 'b c' go", {"stop": ["a", "b c"]}, "go"),
        ("-n 3 go", {"n": 3}, "go"),
        ("--presence-penalty -1 go", {"presence_penalty": -1}, "go"),
        ("--max-tokens 5 --seed 7 go", {"max_tokens": 5, "seed": 7}, "go"),
        ('--logit-bias {"1": -100} go', {"logit_bias": {"1": -100}}, "go"),
        ("""--extra '{"a": {"b": 1}}' go""", {"extra": {"a": {"b": 1}}}, "go"),
        ("--response-format json_object go", {"response_format": {"type": "json_object"}}, "go"),
        ("--logprobs --top-logprobs 2 go", {"logprobs": True, "top_logprobs": 2}, "go"),
        ('-s "" go', {"system": ""}, "go"),
        ('-s "You\'re brief" go', {"system": "You're brief"}, "go"),
        ("--local", {"local": ""}, ""),
        ("--local m.gguf", {"local": "m.gguf"}, ""),
        ("--local --reset", {"local": "", "reset": True}, ""),
        ("-- -5 degrees", {}, "-5 degrees"),
        ("-5 degrees is cold", {}, "-5 degrees is cold"),
        ("--into r  two  spaces ", {"into": "r"}, "two  spaces "),
        ("-s \u201cIn French.\u201d go", {"system": "In French."}, "go"),
        ("-s \u201edon\u2019t\u201c go", {"system": "don\u2019t"}, "go"),
        ("-m \u2018a b\u2019 go", {"model": "a b"}, "go"),
        ("\u200b--once \u200b-t 1 go", {"once": True, "temperature": 1}, "go"),
        ("\u2014 and so on", {}, "\u2014 and so on"),
        (r'--stop "\n" go', {"stop": ["\n"]}, "go"),
        (r"--stop '\n\t' go", {"stop": ["\n\t"]}, "go"),
        (r"--stop \n go", {"stop": ["\n"]}, "go"),
        (r'--stop "\\n" go', {"stop": [r"\n"]}, "go"),
        (r"--stop \\ go", {"stop": ["\\"]}, "go"),
        (r'--stop "\x41\u00e9\101" go', {"stop": ["AéA"]}, "go"),
        (r'--stop "\d\q" go', {"stop": [r"\d\q"]}, "go"),
        (r'--stop "say \"x\"" go', {"stop": ['say "x"']}, "go"),
        ("--stop \u201c\\n\u201d go", {"stop": ["\n"]}, "go"),
        (r'--set stop="\n" seed=1', {"set": {"stop": "\n", "seed": "1"}}, ""),
    ],
)
def test_leading_options(line: str, values: dict[str, Any], rest: str) -> None:
    """Leading options are taken, and what comes after them is untouched."""
    options, prompt = parse(line)
    assert (options.given, prompt) == (values, rest)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-t 3 x", "temperature must be between 0 and 2, got 3"),
        ("-t nan x", "temperature must be between 0 and 2, got nan"),
        ("-t hot x", "temperature must be between 0 and 2, got 'hot'"),
        ("--top-p 1.5 x", "top_p must be between 0 and 1, got 1.5"),
        ("--frequency-penalty -3 x", "frequency_penalty must be between -2 and 2, got -3"),
        ("--max-tokens 0 x", "max_tokens must be an integer of at least 1, got 0"),
        ("--max-tokens 1.5 x", "max_tokens must be an integer of at least 1, got 1.5"),
        ("--seed x x", "seed must be an integer, got 'x'"),
        ("-n 0 x", "n must be an integer of at least 1, got 0"),
        ("--stop a --stop b --stop c --stop d --stop e x", "stop takes 1 to 4 strings, got 5"),
        ("--logit-bias [1] x", "logit_bias must be a JSON object, got [1]"),
        ('--logit-bias {"1":101} x', "logit_bias must be between -100 and 100, got 101 for 1"),
        ('--logit-bias {"a":1} x', "logit_bias maps token ids to numbers, got the id 'a'"),
        ("--extra {oops x", """extra must be a JSON object, such as {"top_k": 40}; got '{oops'"""),
        ('--extra {"messages":[]} x', "extra must not hold messages"),
        ("--response-format yaml x", "response_format must be a JSON object, such as"),
        ("--temprature 1 x", "unknown option --temprature; did you mean --temperature? (%%chat?"),
        ("--temp 1 x", "unknown option --temp; did you mean --temperature?"),
        ("-temperature 1 x", "unknown option -temperature; did you mean --temperature?"),
        ("--t 1 x", "unknown option --t; did you mean -t?"),
        ("-model big x", "unknown option -model; did you mean --model?"),
        ("-max_tokens 5 x", "unknown option -max_tokens; did you mean --max-tokens?"),
        ("-q x", "unknown option -q"),
        ("-t", "--temperature needs a value"),
        ("--into 1x go", "--into needs the name of a variable, got '1x'"),
        ("--stop it's go", "--stop has a quote that is not closed"),
        ("--reset=1", "--reset takes no value"),
        ("--into class go", "--into needs the name of a variable; class is a word of Python's own"),
        ("--into None go", "--into needs the name of a variable; None is a word of Python's own"),
        ("\u2014once go", "options begin with the plain dash of the keyboard, - or --, got \u2014"),
        ("\uff0d\uff0donce go", "options begin with the plain dash of the keyboard"),
        ("\u2212t 0.2 go", "options begin with the plain dash of the keyboard"),
        ("-s \u201copen go", "--system begins with \u201c and no \u201d ends it"),
    ],
)
def test_bad_options(line: str, message: str) -> None:
    """A bad option is refused with what was expected and what came, on one line."""
    with pytest.raises(UsageError) as caught:
        parse(line)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@given(st.text().filter(lambda text: not text.lstrip().startswith("-")))
def test_any_prompt_is_untouched(prompt: str) -> None:
    """A prompt without options arrives as it was typed, whatever it holds."""
    assert parse("-t 1 " + prompt)[1] == prompt.lstrip()


@given(st.text())
def test_nothing_but_usage_errors(line: str) -> None:
    """Any line is parsed or refused; nothing else is raised."""
    try:
        _, rest = parse(line)
    except UsageError:
        return
    assert line.endswith(rest)


def test_manual_names_every_option() -> None:
    """The manual shows every option with its help, in lines that fit a terminal."""
    text = manual()
    words = " ".join(text.split())
    for option in OPTIONS.values():
        assert f"{option.usage} {option.help}" in words
    assert max(map(len, text.splitlines())) < 80


def test_every_command_has_its_function() -> None:
    """What the table lists as done without a prompt is done by a function, or says more of one."""
    alone = {name for name, option in OPTIONS.items() if option.alone and not option.goes_with}
    assert set(COMMANDS) == alone - {"help"}
    assert all(set(option.goes_with) <= set(OPTIONS) for option in OPTIONS.values())


def test_an_option_that_is_zero_is_given() -> None:
    """Nought is a number that was typed, and no option that was left out."""
    assert parse("--undo 0")[0].given == {"undo": 0}


def test_every_parameter_is_an_option() -> None:
    """Options are built from the one table of parameters."""
    assert {name for name, option in OPTIONS.items() if option.parameter} == set(PARAMETERS)
