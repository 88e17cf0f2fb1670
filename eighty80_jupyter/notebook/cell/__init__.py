"""A reply in a cell or in a terminal."""
