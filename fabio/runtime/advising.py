"""Advising: from settings to a model outside that can be asked, and the event that tells the machine of it."""

import random
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from pydantic import SecretStr

from fabio.adapters.llm.asking import Terms, canonical
from fabio.adapters.llm.breaker import Breaker
from fabio.adapters.llm.client import OpenAIModel, Server, Times, warm_up
from fabio.adapters.llm.memory import Memory
from fabio.adapters.llm.prices import Price, price_of
from fabio.adapters.llm.servers import is_loopback
from fabio.adapters.redact import KNOWN
from fabio.model.assessment import ModelTerms
from fabio.regime.prompt import answer_schema, system_text
from fabio.runtime.adviser import Adviser, Manner, reserve_for
from fabio.runtime.answering import tell
from fabio.runtime.drive import Driver
from fabio.settings.load import Settings

QUESTION_BYTES_MOST = 8_192
"""Of one question; a usual one has about 3,600."""
_WITH_RIGHTS = frozenset({"rules", "operator", "settings", "cycle"})
"""Names that stand for somebody else wherever it is said who changed what."""


def open_model(settings: Settings, folder: Path | None) -> OpenAIModel:
    """Make the client, with everything that may hold it up later."""
    model, openai = settings.model, settings.openai
    for secret in _secrets(settings):
        KNOWN.keep_secret(secret)
    return OpenAIModel(
        Server(base_url=openai.base_url, api_key=openai.api_key or SecretStr(""), price=_price(settings)),
        Terms(model=openai.model, max_output_tokens=model.answer_tokens), memory=Memory(folder), redactor=KNOWN,
        times=Times(monotonic_s=time.monotonic, random_share=random.random),
    )


def connect(
    settings: Settings, mode: str, driver: Driver, now_ns: Callable[[], int], folder: Path,
) -> Adviser:
    """Make a model outside part of a run, and let the machine know of it; before there is a loop."""
    warm_up()
    model = open_model(settings, folder)
    manner = manner_of(settings)
    authority = settings.model.authority or ("advise" if mode == "live" else "trade")
    tell(driver, now_ns(), ModelTerms(
        name=manner.name, authority=authority, reserve_usd=reserve_usd(model, manner),
    ))
    breaker = Breaker(
        model, model.terms, monotonic_s=time.monotonic, day=lambda: driver.engine.state.account.trade_date,
    )
    adviser = Adviser(driver, breaker, breaker, manner, now_ns)
    driver.model = adviser
    return adviser


def manner_of(settings: Settings) -> Manner:
    """Say how every question is asked."""
    strategies = tuple(named.name for named in settings.strategies)
    name = settings.openai.model
    return Manner(
        name=f"model {name}" if name in _WITH_RIGHTS else name,
        system=system_text(strategies, settings.bounds, settings.regime.thresholds), strategies=strategies,
        bounds=settings.bounds, answer_timeout_s=settings.model.answer_timeout_s,
    )


def reserve_usd(model: OpenAIModel, manner: Manner) -> Decimal:
    """Give the most that one question may cost."""
    schema = len(canonical(answer_schema(manner.strategies)))
    return reserve_for(model.most_cost_of(len(manner.system.encode()), QUESTION_BYTES_MOST, schema))


def _price(settings: Settings) -> Price | None:
    """Give the price a person set, filled up from the list; None where nothing was set."""
    model = settings.model
    given = (model.input_usd_per_million, model.cached_input_usd_per_million, model.output_usd_per_million)
    if given == (None, None, None):
        return None
    listed = price_of(settings.openai.model, is_loopback(settings.openai.base_url))
    whole, cached, output = given
    whole = listed.input if whole is None else whole
    return Price(
        input=whole, cached=min(listed.cached, whole) if cached is None else cached,
        output=listed.output if output is None else output,
    )


def _secrets(settings: Settings) -> list[str]:
    """Give everything that may stand in no output."""
    secrets = (settings.openai.api_key, settings.topstepx.api_key)
    return [secret.get_secret_value() for secret in secrets if secret is not None]
