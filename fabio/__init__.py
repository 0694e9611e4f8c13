"""fabio: an asyncio agent that trades futures on TopstepX, explains itself and learns."""

__version__ = "0.1.0"
