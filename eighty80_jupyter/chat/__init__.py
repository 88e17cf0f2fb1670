"""A conversation and what happens in a turn."""
