"""From the bytes of an answer to deltas, whatever shape a server gives them. No I/O."""
