"""A folder to start the agent in, for the settings' tests."""

from pathlib import Path

import pytest

from fabio.model.errors import ConfigError
from fabio.settings.load import Settings, load


class Place:
    """A current folder with its own `config/fabio.toml` and `.env`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.toml = folder / "config" / "fabio.toml"
        self.toml.parent.mkdir()
        self.toml.write_text("")
        self.dotenv = folder / ".env"

    def load(self, toml: str | bytes = "", dotenv: str = "", *, overrides: tuple[str, ...] = (),
             without: tuple[str, ...] = (), **environment: str) -> Settings:
        """Load with these layers."""
        self.toml.write_bytes(toml if isinstance(toml, bytes) else toml.encode())
        if dotenv:
            self.dotenv.write_text(dotenv)
        return load(environment=environment, overrides=overrides, without=without, directory=self.folder)

    def fails(self, toml: str | bytes = "", dotenv: str = "", **layers: object) -> ConfigError:
        """Load what cannot be loaded; give the error."""
        with pytest.raises(ConfigError) as failure:
            self.load(toml, dotenv, **layers)
        return failure.value
