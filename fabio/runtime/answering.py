"""Who answers: the rules alone, or a model outside beside them."""

from fabio.adapters.llm.servers import is_loopback
from fabio.model.assessment import ModelTerms
from fabio.model.errors import ConfigError
from fabio.model.event import ModelConnected
from fabio.runtime.drive import Driver
from fabio.settings.load import Settings

RULES, OPENAI = "rules", "openai"


def chosen_model(settings: Settings, wanted: str | None) -> str:
    """Say who infers the regime: what was asked for, else a model where a key is set, else the rules.

    Raises
    ------
    ConfigError
        If a model is wanted and there is no key for a server that needs one.
    """
    has_key = settings.openai.api_key is not None
    if wanted is None:
        return OPENAI if has_key else RULES
    if wanted == OPENAI and not has_key and not is_loopback(settings.openai.base_url):
        raise ConfigError("it is not set", where="variable OPENAI_API_KEY", key="openai.api_key",
                          expected="OPENAI_API_KEY in the environment or in .env, or --model rules")
    return wanted


def tell(driver: Driver, now_ns: int, terms: ModelTerms | None) -> None:
    """Let the machine know who is asked beside the rules, where that has changed."""
    if driver.engine.state.model != terms:
        driver.happen(ModelConnected(ts_ns=max(now_ns, driver.engine.state.now_ns), terms=terms))
