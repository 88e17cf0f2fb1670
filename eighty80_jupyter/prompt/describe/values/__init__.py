"""Python's own values: containers, objects with fields, texts, numbers."""
