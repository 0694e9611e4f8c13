"""What a person has to mend before data can be read."""

import difflib
from collections.abc import Iterable


class ConfigError(Exception):
    """A person has to mend a file: the message says which, where, and how."""


class TapeError(ConfigError):
    """A tape that cannot be read at all; single bad rows are counted, never raised."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest known words, or say nothing.

    >>> did_you_mean("tick_sise", ["tick_size", "tick_value"])
    ' (did you mean tick_size?)'
    >>> did_you_mean("qqqq", ["NQ", "ES"])
    ''
    """
    upper = {candidate.upper(): candidate for candidate in known}
    near = difflib.get_close_matches(word.upper(), upper, n=3, cutoff=0.7)
    return f" (did you mean {' or '.join(upper[candidate] for candidate in near)}?)" if near else ""
