"""The 8080 API as values: messages, parameters, deltas, replies, models. No I/O."""
