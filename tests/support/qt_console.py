"""Type lines into a real qtconsole, one after the other, and print what it then shows.

    python -m tests.support.qt_console "1 + 1" "print(2)"

Without a screen, with QT_QPA_PLATFORM=offscreen. Ends with an error if a line takes 60 seconds.
"""

from __future__ import annotations

import sys
from typing import Any


def main(lines: list[str]) -> None:
    """Run the lines in a kernel of its own."""
    from qtconsole.manager import QtKernelManager  # noqa: PLC0415  # only where Qt is installed
    from qtconsole.rich_jupyter_widget import RichJupyterWidget  # noqa: PLC0415  # the same
    from qtpy.QtCore import QTimer  # noqa: PLC0415  # the same
    from qtpy.QtWidgets import QApplication  # noqa: PLC0415  # the same

    app = QApplication([])
    manager: Any = QtKernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    widget: Any = RichJupyterWidget()
    widget.kernel_manager, widget.kernel_client = manager, client
    left = list(lines)

    def go_on() -> None:
        """Type the next line, once the widget waits for one with a prompt of the kernel's."""
        text = widget._control.toPlainText().rstrip()
        if widget._executing or not text.endswith("]:"):
            return
        if left:
            widget.execute(left.pop(0))
        else:
            app.quit()

    timer = QTimer()
    timer.timeout.connect(go_on)
    timer.start(100)
    QTimer.singleShot(60_000, lambda: app.exit(1))
    code = app.exec()
    print(widget._control.toPlainText())  # what a person sees
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    sys.exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
