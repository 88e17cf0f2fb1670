"""One turn while it runs: the context window, the rounds, the feed."""
