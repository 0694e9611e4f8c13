"""Language models behind an OpenAI-compatible server: the client, its wrappers, and a stub server."""
