"""Tool calls in a cell: how they look, and the question before one runs."""
