"""The composition root: all state of one kernel, and the thread that does its work."""
