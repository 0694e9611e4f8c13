"""Supervise: keeps the processes of `ecosystem/*.toml` alive, for weeks, without being looked at.

What to do is decided by `course.py`, which has no clock, process or file. The hands are `hands.py`,
and `supervisor.py` looks at every process a few times a second.
"""
