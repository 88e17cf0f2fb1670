"""A value of a notebook as text that a model reads."""
