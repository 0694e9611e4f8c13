"""A stub of an OpenAI-compatible server: answers by the rules, or fails as it is told to."""
