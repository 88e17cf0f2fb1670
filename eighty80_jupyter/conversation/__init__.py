"""Turns, alternatives, branches and events: values and their rules, no I/O."""
