"""What a person has to mend before a tape can be read."""

from fabio.model.errors import ConfigError


class TapeError(ConfigError):
    """A tape that cannot be read at all; single bad rows are counted, never raised."""
