"""Typed answers: what shape is wanted, how it is asked for, and how an answer is read."""
