"""The folder `logs/`: the journal of steps, the tape of ticks, and the records people read."""
