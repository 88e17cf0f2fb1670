"""A prompt as a function that other engines call: where one machine is not enough."""
