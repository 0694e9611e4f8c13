"""The broker: the engine's commands become calls, what the venue says becomes the engine's events."""
