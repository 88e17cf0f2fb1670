"""Frames, series and their columns, of every library."""
