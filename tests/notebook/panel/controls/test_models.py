"""The panel's list of models: asked for in the background, again after a failure or elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.notebook.panel.controls.parameters import ParameterPanel
from eighty80_jupyter.session.session import Session
from tests.support.replies import error_reply, models_reply
from tests.support.scripted import ScriptedServer
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(name="parameters")
def _parameters(server: ScriptedServer) -> Iterator[ParameterPanel]:
    session = Session(environ={"_8080_API_URL": server.url, "_8080_API_KEY": "k"})
    parameters = ParameterPanel(session)
    yield parameters
    parameters.close()
    session.close()


def options(parameters: ParameterPanel) -> tuple[str, ...]:
    """Return the names that the model's field offers."""
    return tuple(parameters.controls["model"].options)


def test_a_failure_is_asked_again_but_not_for_ever(
    server: ScriptedServer, parameters: ParameterPanel
) -> None:
    """A server that was down when the panel opened is asked later; one without a list thrice."""
    server.route("GET", "/v1/models", error_reply(503, "down"))
    for count in (1, 2, 3, 3):
        parameters.fetch_models()
        wait_until(lambda: not parameters._models.busy, what="the end of the request")
        assert len(server.requests) == count
    assert options(parameters) == ()
    with ScriptedServer() as other:
        other.route("GET", "/v1/models", models_reply("a/b", "c"))
        parameters._session.config.base_url = other.url
        wait_until(lambda: options(parameters) == ("a/b", "c"), what="the other server's models")
        parameters.fetch_models()
        assert len(other.requests) == 1


def test_before_anybody_looks_nothing_is_asked(
    server: ScriptedServer, parameters: ParameterPanel
) -> None:
    """Settings can change without a request; a closed panel asks nothing either."""
    parameters._session.config.base_url = server.url
    assert not parameters._models.busy
    parameters.close()
    parameters.fetch_models()
    parameters._session.config.base_url = None
    assert not parameters._models.busy
    assert server.requests == []
