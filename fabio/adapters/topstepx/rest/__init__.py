"""The venue over REST: calls, tokens, rates, and what became of a mutation."""
