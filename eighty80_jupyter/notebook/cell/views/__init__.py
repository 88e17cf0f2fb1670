"""What stands still: turns, prompts, values and dry runs as HTML and as text."""
