"""Where configuration lies: `./config` where it is fabio's, else the copy shipped with the package.

The repository has one copy, `config/` at its top. An installed wheel carries it as
`fabio/_config`; an editable install finds it beside the package.
"""

import stat
from pathlib import Path

from fabio.model.errors import ConfigError

MAIN_FILE = "fabio.toml"
MAX_BYTES = 128 * 1024
"""The shipped file has 20 kB; more is the wrong file, and TOML is slow to read."""


def shipped_folder() -> Path:
    """Give the configuration that came with fabio.

    Raises
    ------
    ConfigError
        If the installation lost it.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_config", package.parent / "config"):
        if (folder / MAIN_FILE).is_file():
            return folder
    raise ConfigError("the shipped configuration is missing: install fabio again", where=str(package))


def config_folder(asked: Path | None = None, directory: Path | None = None) -> Path:
    """Give the folder in force.

    Parameters
    ----------
    asked
        `--config DIR`; None takes `config` in `directory` where it holds `fabio.toml` (other
        programs also have a folder of that name), else the shipped copy.
    directory
        Where the agent was started; None is the current one.

    Raises
    ------
    ConfigError
        If the folder asked for is not there.
    """
    if asked is not None:
        if not asked.is_dir():
            what = "it is a file" if asked.exists() else "there is no such folder"
            raise ConfigError(what, where=f"--config {asked}",
                              expected="a folder with fabio.toml (`fabio config init` makes one)")
        return asked
    here = (directory or Path()) / "config"
    return here if (here / MAIN_FILE).exists() else shipped_folder()


def config_file(folder: Path, name: str) -> Path:
    """Give a file of the folder in force, or the shipped one where the folder does not have it."""
    path = folder / name
    return path if path.exists() else shipped_folder() / name


def read_text(path: Path) -> str | None:
    """Read a small text file; None where there is none.

    Raises
    ------
    ConfigError
        If it is no plain file, too large, unreadable, or not UTF-8.
    """
    where = str(path)
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=where) from None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no plain file"
        raise ConfigError(f"it is {kind}", where=where, expected="a text file")
    if status.st_size > MAX_BYTES:
        raise ConfigError(f"it has {status.st_size} bytes", where=where, expected=f"at most {MAX_BYTES}")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=where) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"it is not UTF-8: byte 0x{error.object[error.start]:02x} at place {error.start}",
                          where=where, expected="a text file saved as UTF-8") from None
