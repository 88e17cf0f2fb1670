"""A prompt over many rows as a person sees it: while it runs, and what stays on the page."""
