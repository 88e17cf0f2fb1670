"""What a person sees: the magics, the streaming display, Markdown."""
