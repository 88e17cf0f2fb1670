"""A kernel whose cells run as JupyterLab runs them: with an id, and with somebody there."""

from __future__ import annotations

import uuid

from tests.support.kernel import KernelSession, Result


class AttendedKernel(KernelSession):
    """`run_cell` names the cell, as the front ends do that know which one runs."""

    def run_cell(self, code: str, cell: str = "", *, in_page: bool = False) -> Result:
        """Run a cell to its end; `cell` is the front end's id of it.

        `in_page`: the message has an id as a page draws one, and not as a client in Python does.
        """
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": True,
            "stop_on_error": True,
        }
        message = self.client.session.msg(
            "execute_request", content, metadata={"cellId": cell} if cell else {}
        )
        if in_page:
            message["header"]["msg_id"] = message["msg_id"] = str(uuid.uuid4())
        result = Result(code)
        self._results[message["header"]["msg_id"]] = result
        self.client.shell_channel.send(message)
        return self.finish(result)


def new_cells(result: Result) -> list[str]:
    """Return the texts that a cell put into new cells."""
    assert result.reply is not None
    payload = result.reply["payload"]
    found = [entry for entry in payload if entry["source"] == "set_next_input"]
    assert not any(entry["replace"] for entry in found)
    return [entry["text"] for entry in found]
