"""SignalR's JSON protocol over a WebSocket: pure records below, a thin asyncio shell above."""
