"""ConfigError: what a person has to mend, where, and what would be right; and the name that was meant."""

from collections.abc import Iterable
from difflib import get_close_matches


class ConfigError(Exception):
    """A setting or a file that cannot stand; a person has to mend it (exit code 3).

    Parameters
    ----------
    what
        What is wrong, in words.
    where
        `config/fabio.toml:12`, `environment variable MODE`, `.env:3`, `command line`.
    key
        Path of the setting (`guards.cooldown.after_exit_s`), empty where it is about a whole file.
    value
        What was given, as text; None where that says nothing (or is a secret).
    expected
        What would be right.
    suggestion
        The name that was probably meant, empty where nothing is near.
    """

    def __init__(self, what: str, *, where: str = "", key: str = "", value: object = None,
                 expected: str = "", suggestion: str = "") -> None:
        self.what, self.where, self.key, self.value = what, where, key, value
        self.expected, self.suggestion = expected, suggestion
        subject = key if value is None else f"{key} = {shown(value)}"
        text = ": ".join(part for part in (where, subject, what) if part)
        if expected:
            text += f"; expected {expected}"
        if suggestion:
            text += f"; did you mean {suggestion}?"
        super().__init__(text)


def shown(value: object) -> str:
    """Show a value in a message, cut where it is long.

    >>> shown("9" * 5000)
    "'999999999999999999999999999999999999999999999999999999999... (5002 characters)"
    """
    try:
        text = repr(value)
    except ValueError:  # an int of more than 4300 digits has no decimal text in Python
        return "a number of thousands of digits"
    if len(text) <= 80:
        return text
    return f"{text[:58]}... ({len(text)} characters)"


def nearest(name: str, names: Iterable[str]) -> str:
    """Give the name that was probably meant, empty where nothing is near.

    >>> nearest("cooldwn", ["cooldown", "daily_loss"])
    'cooldown'
    >>> nearest("Daily-Loss", ["cooldown", "daily_loss"])
    'daily_loss'
    """
    known = {each.lower(): each for each in names}
    found = get_close_matches(name.lower().replace("-", "_"), list(known), n=1, cutoff=0.7)
    return known[found[0]] if found else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest known words, in a message's words; empty where nothing is near.

    >>> did_you_mean("tick_sise", ["tick_size", "tick_value"])
    ' (did you mean tick_size?)'
    >>> did_you_mean("qqqq", ["NQ", "ES"])
    ''
    """
    upper = {candidate.upper(): candidate for candidate in known}
    near = get_close_matches(word.upper(), upper, n=3, cutoff=0.7)
    return f" (did you mean {' or '.join(upper[candidate] for candidate in near)}?)" if near else ""
