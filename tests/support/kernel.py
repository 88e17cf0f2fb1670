r"""A real IPython kernel in a process of its own, driven as a front end would.

    with KernelSession(env={"_8080_API_URL": server.url, "_8080_API_KEY": "k"}) as kernel:
        kernel.run("%load_ext eighty80_jupyter")
        result = kernel.run("%%chat\nHello")
        assert result.ok, result.error

Outputs are those of a notebook (nbformat's dictionaries): updates are applied by display id, in the
outputs of earlier cells too, `clear_output` is obeyed, pieces of one stream are joined.
"""

from __future__ import annotations

import os
import queue
import re
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from jupyter_client.manager import KernelManager

from tests.support.environment import child_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from jupyter_client.blocking.client import BlockingKernelClient

Output: TypeAlias = dict[str, Any]

POLL = 0.05
# A socket keeps a thousand messages for who reads late, and drops those that follow; opening and
# closing a panel sends more, and without the last of them a cell would never end.
KEEP_ALL = (
    "(lambda thread: thread.schedule(lambda: thread.socket.set_hwm(0)))"
    "(get_ipython().kernel.iopub_thread)"
)


@dataclass(frozen=True, slots=True)
class KernelError:
    """The error that a cell ended with; `traceback` is as the kernel drew it, lines joined."""

    ename: str
    evalue: str
    traceback: str

    @property
    def plain(self) -> str:
        """The traceback without its colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self.traceback)


@dataclass(frozen=True, slots=True)
class Message:
    """One message on iopub, and `time.monotonic()` when it was read."""

    type: str
    content: dict[str, Any]
    at: float


@dataclass(slots=True, eq=False)
class Result:
    """What a cell has shown so far; complete once `done`."""

    code: str
    outputs: list[Output] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    reply: dict[str, Any] | None = None
    idle: bool = False
    _clear: bool = False

    @property
    def done(self) -> bool:
        """Whether the kernel has replied and is idle again."""
        return self.idle and self.reply is not None

    @property
    def status(self) -> str:
        """The reply's status: `ok`, `error`, `aborted`, or `running` before it."""
        return "running" if self.reply is None else str(self.reply["status"])

    @property
    def ok(self) -> bool:
        """Whether the cell ran without an error."""
        return self.status == "ok"

    @property
    def error(self) -> KernelError | None:
        """The error in the reply, whether or not it was drawn."""
        if self.reply is None or self.reply["status"] != "error":
            return None
        trace = "\n".join(self.reply.get("traceback", ()))
        return KernelError(self.reply["ename"], self.reply["evalue"], trace)

    @property
    def stdout(self) -> str:
        """The text written to the standard output."""
        return self._stream("stdout")

    @property
    def stderr(self) -> str:
        """The text written to the standard error."""
        return self._stream("stderr")

    def data(self, mime: str = "text/plain") -> list[Any]:
        """List what displays and results hold of one MIME type, in order."""
        return [out["data"][mime] for out in self.outputs if mime in out.get("data", {})]

    def updates(self) -> list[Message]:
        """List the messages that drew or redrew a display, with their times."""
        kinds = ("display_data", "update_display_data")
        return [message for message in self.messages if message.type in kinds]

    def _stream(self, name: str) -> str:
        return "".join(out["text"] for out in self.outputs if out.get("name") == name)

    def _show(self, output: Output) -> None:
        if self._clear:
            self.outputs.clear()
            self._clear = False
        last = self.outputs[-1] if self.outputs else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
        else:
            self.outputs.append(output)


class KernelSession:
    """A kernel that runs inside a `with`, with IPython and Jupyter folders of its own.

    `env` is added to the cleaned environment. `cwd`: None means the tests' own. `startup` is code
    that must run without an error before anything else.
    """

    def __init__(
        self,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        startup: str = "",
        timeout: float = 100.0,
    ) -> None:
        self.env = dict(env or {})
        self.cwd = cwd
        self.startup = startup
        self.timeout = timeout
        self.stray: list[Message] = []
        self.questions: list[str] = []
        self._answers: list[str] = []
        self._results: dict[str, Result] = {}
        self._displays: dict[str, list[Output]] = {}
        # A port that is free when it is chosen may be another program's when the kernel takes it.
        transport = "tcp" if os.name == "nt" else "ipc"
        self._manager = KernelManager(kernel_name="python3", transport=transport)
        self._client: BlockingKernelClient | None = None
        self._home: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether the kernel's process runs."""
        return bool(self._manager.is_alive())

    def start(self) -> None:
        """Start the kernel, wait until it answers, run `startup`."""
        self._home = tempfile.TemporaryDirectory(prefix="kernel-", ignore_cleanup_errors=True)
        env = child_environment(Path(self._home.name), self.env)
        self._manager.connection_file = str(Path(self._home.name) / "runtime" / "kernel.json")
        self._manager.start_kernel(
            env=env,
            cwd=None if self.cwd is None else str(self.cwd),
            extra_arguments=[f"--IPKernelApp.exec_lines={KEEP_ALL}"],
        )
        self._client = self._manager.client()
        self._client.context.rcvhwm = 0  # the same on this side
        self._client.start_channels()
        self._client.wait_for_ready(timeout=self.timeout)
        if self.startup:
            result = self.run(self.startup)
            assert result.ok, result.error

    def close(self) -> None:
        """Ask the kernel to end, end it if it does not, close the sockets."""
        if self._client is not None:
            self._client.stop_channels()
            self._client = None
        if self._manager.has_kernel:
            self._manager.shutdown_kernel()
        self._manager.cleanup_resources()
        if self._home is not None:
            self._home.cleanup()
            self._home = None

    def run(
        self, code: str, *, timeout: float | None = None, answers: Sequence[str] | None = None
    ) -> Result:
        """Run a cell to its end. `timeout` in seconds, default the session's.

        `answers` are typed in where the cell asks for input; None: nobody can.
        """
        return self.finish(self.submit(code, answers=answers), timeout=timeout)

    def submit(self, code: str, *, answers: Sequence[str] | None = None) -> Result:
        """Start a cell and return at once; `finish`, `wait_for` and `run` fill the result."""
        result = Result(code)
        self._answers = list(answers or ())
        allow_stdin = answers is not None
        self._results[self.client.execute(code, allow_stdin=allow_stdin)] = result
        return result

    def finish(self, result: Result, *, timeout: float | None = None) -> Result:
        """Wait until a submitted cell has ended."""
        self.wait_for(lambda: result.done, timeout=timeout, what=f"the end of {result.code!r}")
        return result

    def wait_for(
        self,
        condition: Callable[[], bool],
        *,
        timeout: float | None = None,
        what: str = "the condition",
    ) -> None:
        """Read the kernel's messages until `condition` holds; also for what comes after a cell."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"expected {what}; the kernel is {self._state()}")
            if not self._read_iopub() and not self.alive:
                raise RuntimeError(f"expected {what}; the kernel's process has ended")
            self._read_shell()
            self._read_stdin()

    def interrupt(self) -> None:
        """Interrupt the running cell, as the stop button does."""
        self._manager.interrupt_kernel()

    @property
    def client(self) -> BlockingKernelClient:
        """The jupyter_client behind, for what this class does not do (comms, completion)."""
        assert self._client is not None, "the kernel is not started"
        return self._client

    def complete(self, code: str, cursor: int | None = None) -> list[str]:
        """List the completions at `cursor`, default the end."""
        content = self.client.complete(code, cursor, reply=True, timeout=self.timeout)["content"]
        return list(content["matches"])

    def _state(self) -> str:
        running = [result.code for result in self._results.values() if not result.done]
        return f"{'alive' if self.alive else 'dead'}, running {running}"

    def _read_shell(self) -> None:
        while self.client.shell_channel.msg_ready():
            message = self.client.get_shell_msg(timeout=POLL)
            result = self._results.get(message["parent_header"].get("msg_id"))
            if result is not None:
                result.reply = message["content"]

    def _read_stdin(self) -> None:
        """Answer a question; what is asked beyond the answers waits."""
        while self._answers and self.client.stdin_channel.msg_ready():
            self.questions.append(self.client.get_stdin_msg(timeout=POLL)["content"]["prompt"])
            self.client.input(self._answers.pop(0))

    def _read_iopub(self) -> bool:
        try:
            message = self.client.get_iopub_msg(timeout=POLL)
        except queue.Empty:
            return False
        self._take(message)
        return True

    def _take(self, message: dict[str, Any]) -> None:
        kind, content = message["header"]["msg_type"], message["content"]
        seen = Message(kind, content, time.monotonic())
        result = self._results.get(message["parent_header"].get("msg_id"))
        if kind == "update_display_data":
            self._update(content)
        if result is None:
            self.stray.append(seen)
            return
        result.messages.append(seen)
        match kind:
            case "stream":
                result._show({"output_type": "stream", **content})
            case "display_data" | "execute_result":
                output = {"output_type": kind, **content}
                self._remember(output)
                result._show(output)
            case "error":
                result._show({"output_type": "error", **content})
            case "clear_output":
                result._clear = True
                if not content.get("wait"):
                    result.outputs.clear()
            case "status":
                result.idle = content["execution_state"] == "idle"

    def _remember(self, output: Output) -> None:
        display_id = output.get("transient", {}).get("display_id")
        if display_id is not None:
            self._update(output)
            self._displays.setdefault(display_id, []).append(output)

    def _update(self, content: dict[str, Any]) -> None:
        for output in self._displays.get(content["transient"]["display_id"], ()):
            output["data"], output["metadata"] = content["data"], content["metadata"]
