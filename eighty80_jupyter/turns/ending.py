"""How a turn ends: its reply, and the exchange that is committed."""

from __future__ import annotations

import time
from dataclasses import replace

from eighty80_jupyter.api.reply import Reply, Status
from eighty80_jupyter.conversation.outgoing import server_mark
from eighty80_jupyter.conversation.turn import Exchange, Turn
from eighty80_jupyter.errors import ReplyFormatError
from eighty80_jupyter.turns.request import RunningTurn


def end_turn(running: RunningTurn, start: float, status: Status, error: str = "") -> Reply:
    """Commit the exchange, if there is one, and return the reply."""
    request, conversation = running.request, running.conversation
    for done in running.rounds:
        done.close()
    reply = _reply(running, start, status, error)
    told = (*running.adapted, running.note, *(done.note for done in running.rounds))
    if notes := tuple(filter(None, told)):
        reply = replace(reply, notes=notes)
    running.reply = reply
    if request.place.keep and (status == "complete" or not reply.empty):
        exchange = exchange_of(running, reply)
        if request.place.join and (begun := conversation.turn(request.place.again)) is not None:
            exchange = begun.exchange.joined(exchange)
            reply = running.reply = exchange.reply
        if request.instruction is not None:
            conversation.system = request.instruction
        if request.place.again is not None:
            conversation.add_alternative(request.place.again, exchange)
        else:
            conversation.commit(
                Turn(alternatives=(exchange,), id=running.id, cell=request.place.cell)
            )
    return reply


def turn_so_far(running: RunningTurn) -> Turn:
    """Return a turn that is under way as it would stand if it were interrupted now.

    To be called on the loop thread. What runs is left alone; calls without a result get one.
    """
    rounds = [replace(done, results=dict(done.results)) for done in running.rounds]
    for done in rounds:
        done.close()
    running = replace(running, rounds=rounds)
    exchange = exchange_of(running, _reply(running, time.perf_counter(), "interrupted", ""))
    place = running.request.place
    if place.join and (begun := running.conversation.turn(place.again)) is not None:
        exchange = begun.exchange.joined(exchange)
    return Turn(alternatives=(exchange,), id=place.again or running.id, cell=place.cell)


def format_error(reply: Reply) -> ReplyFormatError:
    """Return the error for a reply that is not of the type that was asked for."""
    asked = "" if reply.attempts == 1 else f" at {reply.attempts} attempts"
    more = len(reply.problems) - 1
    others = f" (and {more} more)" if more else ""
    return ReplyFormatError(
        f"the reply is not of the type that was asked for{asked}: {reply.problems[0]}{others}; "
        "its text is error.text, and stands in the conversation",
        reply=reply,
        text=reply.text,
        problems=reply.problems,
        attempts=reply.attempts,
    )


def exchange_of(running: RunningTurn, reply: Reply) -> Exchange:
    """Return what stands in the history for the prompt of a turn and this reply to it."""
    request = running.request
    offer = request.offer
    return Exchange(
        messages=(*running.messages, reply.to_message()),
        reply=reply,
        has_data=request.has_data,
        source=request.source,
        tools=() if offer is None else offer.names,
        tool_choice=None if offer is None else offer.choice,
        parallel_tool_calls=None if offer is None else offer.parallel,
        server=server_mark(request.endpoint.url),
    )


def _reply(running: RunningTurn, start: float, status: Status, error: str) -> Reply:
    """Return what has come in the last round, with the sums over all of them."""
    seconds = time.perf_counter() - start
    if running.recorded_seconds is not None:  # so that a replay tells the same
        seconds = running.recorded_seconds + running.tool_seconds
    reply = running.snapshot.to_reply(
        seconds=seconds,
        parameters=running.request.parameters,
        status=status,
        error=error,
    )
    typed = running.request.typed
    reply = replace(
        reply,
        values=running.values,
        attempts=running.attempts,
        problems=running.problems,
        returns=None if typed is None else typed.returns,
    )
    if not running.rounds and not running.rejected:
        return reply
    counts = [*(done.usage for done in running.rounds), *running.rejected, reply.usage]
    known = [usage for usage in counts if usage is not None]
    return replace(
        reply,
        usage=sum(known[1:], known[0]) if known else None,
        rounds=len(running.rounds) + (status == "complete" or not reply.empty),
        calls=tuple(record for done in running.rounds for record in done.records()),
        tool_seconds=running.tool_seconds,
        stopped=running.stopped,
    )
