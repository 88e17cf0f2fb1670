"""A prompt over every row of a frame, a list or a stream."""
