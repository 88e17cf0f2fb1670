"""Functions as tools: schema, arguments, rounds, the executor."""
