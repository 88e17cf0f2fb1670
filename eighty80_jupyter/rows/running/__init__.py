"""A run over rows while it goes on: its work on the event loop, and what it has come to."""
