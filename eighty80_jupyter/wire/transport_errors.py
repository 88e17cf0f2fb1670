"""What goes wrong between here and a server, and the exception for it. No I/O."""

from __future__ import annotations

import os
import re
import socket
import ssl
from enum import Enum
from urllib.parse import urlsplit

from eighty80_jupyter import errors
from eighty80_jupyter.wire.endpoint import Endpoint
from eighty80_jupyter.wire.secret import Secrets, without_secret


class Fault(Enum):
    """What went wrong with a connection, and the line that says so before the reply begins."""

    ADDRESS = (
        "cannot connect to {host}: {reason}; check the address (_8080_API_URL), the network and "
        "that the server runs"
    )
    PROXY = "no connection to {host} through the proxy: {reason}; check HTTPS_PROXY and NO_PROXY"
    SECURITY = (
        "no secure connection to {host}: {reason}; SSL_CERT_FILE names further certificates, and a "
        "plain http address begins with http://"
    )
    CONNECT_TIMEOUT = (
        "no connection to {host} within ChatConfig.connect_timeout; check the address "
        "(_8080_API_URL) and the network"
    )
    SILENCE = (
        "nothing came from {host} for longer than ChatConfig.read_timeout; try again, or raise it"
    )
    BROKEN = "the connection to {host} broke before the reply: {reason}; try again"
    PROTOCOL = (
        "{host} does not answer as an HTTP server does: {reason}; check the address (_8080_API_URL)"
    )
    TLS_PORT = (
        "{host} speaks https, and was asked in plain http: {reason}; begin the address "
        "(_8080_API_URL) with https://"
    )


class WireError(Exception):
    """A connection failed. `fault` is the kind, the text a few words with the reason.

    The cause is the system's own exception, if there was one.
    """

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault


def plain_reason(error: BaseException) -> str:
    """Return what the system says of an error, without addresses and numbers."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message)
    if isinstance(error, ssl.SSLError) and error.reason:
        return str(error.reason).replace("_", " ").lower()
    if isinstance(error, socket.gaierror):
        return str(error.strerror)
    number = getattr(error, "errno", None)
    if number is None and (found := re.search(r"\[Errno (\d+)\]", str(error))):
        number = int(found[1])  # several addresses failed, each with an error of its own
    return os.strerror(number) if number else str(error) or type(error).__name__


def connection_error(
    error: Exception, endpoint: Endpoint, secret: Secrets, *, inside: bool = False
) -> errors.APIError:
    """Return the exception for what a connection raised; its cause is a WireError, if that was one.

    `inside` tells that the reply had begun; `secret` is cut out of what the server sent.
    """
    host = urlsplit(endpoint.url).netloc
    reason = without_secret(" ".join(str(error).split()), secret)
    if not isinstance(error, WireError):
        return errors.APIConnectionError(
            f"the request to {host} failed: {type(error).__name__}: {reason}"
        )
    if error.fault is Fault.BROKEN and not inside and endpoint.url.startswith("http://"):
        reason += " (a server that speaks https does so: then begin the address with https://)"
    mapped = _wire_error(error.fault, host, reason, inside=inside)
    # A new one, because the old one's text and frames hold what was sent and what came.
    mapped.__cause__ = WireError(error.fault, reason)
    mapped.__cause__.__cause__ = error.__cause__
    return mapped


def _wire_error(fault: Fault, host: str, reason: str, *, inside: bool) -> errors.APIError:
    if inside and fault in (Fault.BROKEN, Fault.PROTOCOL):
        return errors.APIStreamError(
            f"the connection to {host} broke inside the reply: {reason}; try again"
        )
    is_late = fault in (Fault.CONNECT_TIMEOUT, Fault.SILENCE)
    kind = errors.APITimeoutError if is_late else errors.APIConnectionError
    return kind(fault.value.format(host=host, reason=reason))


def strip(error: BaseException) -> None:
    """Cut off the frames and the foreign exceptions below `error`.

    They hold the request, and the key in it, for whoever prints a traceback with its locals.
    """
    seen: BaseException | None = error
    while seen is not None:
        seen.__traceback__ = None
        seen.__context__ = None
        seen = seen.__cause__
