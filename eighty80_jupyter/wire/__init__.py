"""Bytes and HTTP: client, transport, server-sent events, retries, errors of servers."""
