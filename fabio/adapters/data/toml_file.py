"""Read one TOML file of the configuration, with errors that say what to mend."""

import tomllib
from pathlib import Path
from typing import Any

from fabio.model.errors import ConfigError

SIZE_LIMIT_BYTES = 128_000
"""A table of contracts is some 20 kB; more is the wrong file."""


def read_toml(path: Path) -> dict[str, Any]:
    """Read `path` as UTF-8 TOML.

    Raises
    ------
    ConfigError
        If it is missing, not a file, far too big, not UTF-8, or not TOML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; `fabio config init` writes the shipped one") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a directory, a TOML file was expected") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    if len(content) > SIZE_LIMIT_BYTES:
        raise ConfigError(f"{path} is larger than {SIZE_LIMIT_BYTES} bytes: that is no configuration file")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise ConfigError(f"{path} is not TOML: {str(error).split(';')[0]}") from None
