"""Nouns: every value, event, fact and command that crosses a room.

Frozen and typed; integers inside (prices in ticks, sizes in steps, times in
nanoseconds UTC); arithmetic on their own fields only. This room imports no
other room.
"""
