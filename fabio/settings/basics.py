"""The basics that are no part's: who we are at the model's and the venue's door.

pydantic-settings holds and checks them; `load.py` hands it the layers merged already, because
every value has to remember the file and line it came from.
"""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

_SYMBOL = re.compile(r"[A-Z0-9]{1,12}")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _mode(value: object) -> object:
    """`paper` and `PAPER` are older names of test."""
    word = value.lower() if isinstance(value, str) else value
    return "test" if word == "paper" else word


def _symbol(value: str) -> str:
    if not _SYMBOL.fullmatch(value):
        raise ValueError("a symbol is 1 to 12 capital letters and digits, like MNQ or BTCUSDT")
    return value


def _secret(value: SecretStr | None) -> SecretStr | None:
    text = "" if value is None else value.get_secret_value()
    if value is not None and (text != text.strip() or not text):
        raise ValueError("it is empty or has blanks at its ends")
    if any(ord(character) < 33 or ord(character) > 126 for character in text):
        raise ValueError("it holds a character no key has (a newline, a blank, an accent): copy it again")
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname:
        raise ValueError("it is no address like https://host/path")
    if parts.scheme in ("http", "ws") and parts.hostname not in _LOOPBACK:
        raise ValueError("credentials travel encrypted only: use https, or an address of this machine")
    return value.rstrip("/")


Secret = Annotated[SecretStr | None, AfterValidator(_secret)]
Url = Annotated[str, AfterValidator(_url)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Agent(_Section):
    """What runs."""

    mode: Annotated[Literal["test", "live"], BeforeValidator(_mode)] = Field(
        "test", description="test (paper money; `paper` means the same) or live")
    symbol: Annotated[str, AfterValidator(_symbol)] = Field("MNQ", description="the instrument, by its root")


class OpenAI(_Section):
    """The language model; any server that speaks OpenAI's API."""

    api_key: Secret = Field(None, description="key of the model's server; without it the rules answer")
    model: str = Field("gpt-5.4-mini", min_length=1, max_length=200, description="name of the model")
    base_url: Url = Field("https://api.openai.com/v1", description="address of the model's server")


class TopstepX(_Section):
    """The venue."""

    username: str | None = Field(None, min_length=1, max_length=200, description="user name at TopstepX")
    api_key: Secret = Field(None, description="API key of TopstepX (it takes no password)")
    account_id: int | None = Field(None, ge=1, description="account to trade; needed where you have several")
    live_data: bool = Field(False, description=(
        "which market-data subscription: false for practice and Combine accounts"))
    api_url: Url = Field("https://api.topstepx.com", description="address of the venue's REST API")
    user_hub_url: Url = Field("https://rtc.topstepx.com/hubs/user", description="address of the user hub")
    market_hub_url: Url = Field("https://rtc.topstepx.com/hubs/market",
                                description="address of the market hub")


class Notify(_Section):
    """Who is told when a person has to know at once."""

    command: str | None = Field(None, min_length=1, max_length=2000, description=(
        "program to run at a fill, a halt, a lost feed, an uncertain state or a crash; it gets a JSON object on "
        "standard input"))
    timeout_s: float = Field(10.0, gt=0, le=120, description="seconds after which that program is ended")


class Basics(BaseSettings):
    """All basics, one section each."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    agent: Agent = Field(default_factory=lambda: Agent.model_validate({}))
    openai: OpenAI = Field(default_factory=lambda: OpenAI.model_validate({}))
    topstepx: TopstepX = Field(default_factory=lambda: TopstepX.model_validate({}))
    notify: Notify = Field(default_factory=lambda: Notify.model_validate({}))

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the merged layers alone: `sources.py` has read environment and files already."""
        return (init_settings,)
