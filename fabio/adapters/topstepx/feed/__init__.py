"""The market feed: prints to ticks, silence to events, and the history on start."""
