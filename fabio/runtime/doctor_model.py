"""Doctor for the model outside: who is asked, at what price, within which caps, and whether it answers."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from fabio.adapters.llm.client import OpenAIModel
from fabio.adapters.llm.prices import FREE, HIGHEST, PRICES, Price
from fabio.adapters.llm.probe import probe
from fabio.adapters.llm.servers import is_loopback
from fabio.model.errors import ConfigError
from fabio.runtime.advising import manner_of, open_model, reserve_usd
from fabio.runtime.doctor import Check
from fabio.settings.load import Settings, load

OLD_MONTHS = 12
"""A price list older than this is not to be relied on."""
_REACH = {
    "observe": "its answers are recorded and shadowed only",
    "advise": "it shrinks, vetoes, switches strategies, sets zones, opens nothing",
    "trade": "its trades meet every guard",
}
_SET_PRICE = "model.input_usd_per_million and model.output_usd_per_million"


def examine_model(config: Path | None) -> Iterator[Check]:
    """Look at what is set for a model outside, without asking it; one check where the rules answer alone."""
    settings = _settings(config)
    if settings is None:
        return
    name, has_key = settings.openai.model, settings.openai.api_key is not None
    if not has_key and not is_loopback(settings.openai.base_url):
        yield Check("model", True, "OPENAI_API_KEY is not set: the rules answer")
        return
    model, reserve = _opened(settings)
    yield Check("model", True, (
        f"OPENAI_API_KEY is set: {name} at {model.address} is asked beside the rules" if has_key else
        f"OPENAI_API_KEY is not set: the rules answer; `fabio run --model openai` asks {name} at {model.address}"
    ))
    yield _price(model, dt.datetime.now(tz=dt.UTC).date(), _is_set(settings))
    yield _caps(settings, reserve)
    yield _authority(settings)


def examine_model_live(config: Path | None) -> Iterator[Check]:
    """Ask the model one cheap question, where there is a key or a server on this machine."""
    settings = _settings(config)
    if settings is not None and (settings.openai.api_key is not None or is_loopback(settings.openai.base_url)):
        yield asyncio.run(_probed(settings))


def _settings(config: Path | None) -> Settings | None:
    """Give the settings; None where they cannot be read, which another check says."""
    try:
        return load(config=config)
    except (ConfigError, OSError):
        return None


async def _probed(settings: Settings) -> Check:
    model = open_model(settings, None)
    try:
        probed = await probe(model)
    finally:
        await model.aclose()
    return Check("model answers", probed.ok, f"{probed.words}; it counts in no cap", probed.cure)


def _opened(settings: Settings) -> tuple[OpenAIModel, Decimal]:
    """Make the client as a run would, and say what one question may cost."""
    model = open_model(settings, None)
    try:
        return model, reserve_usd(model, manner_of(settings))
    finally:
        asyncio.run(model.aclose())


def _is_set(settings: Settings) -> bool:
    given = settings.model
    return given.input_usd_per_million is not None or given.output_usd_per_million is not None


def _price(model: OpenAIModel, today: dt.date, is_set: bool) -> Check:
    price, name = model.price, model.terms.model
    if price == FREE:
        return Check("model price", True, "nothing: the server is on this machine")
    if price == HIGHEST and name not in PRICES and not is_set:
        return Check("model price", False, f"{name} has no known price and counts as the dearest: {price_words(price)}",
                     f"set {_SET_PRICE} to what your server asks for")
    if is_set or not price.as_of:
        return Check("model price", True, f"{price_words(price)}, as set in [model]")
    age = _months_since(price.as_of, today)
    words = f"{price_words(price)}, list of {price.as_of}, {age} months old"
    cure = f"compare it with the vendor's list; {_SET_PRICE} set another" if age > OLD_MONTHS else ""
    return Check("model price", True, words, cure)


def price_words(price: Price) -> str:
    """Say a price.

    >>> price_words(HIGHEST)
    '30.00 USD a million tokens in (30.00 from the cache), 180.00 out'
    """
    return f"{price.input} USD a million tokens in ({price.cached} from the cache), {price.output} out"


def _months_since(as_of: str, today: dt.date) -> int:
    year, month = map(int, as_of.split("-"))
    return max(0, (today.year - year) * 12 + today.month - month)


def _caps(settings: Settings, reserve: Decimal) -> Check:
    budget = settings.budget
    if reserve == 0:
        return Check("model caps", True, "none: nothing is billed; one question at a time")
    words = (
        f"{budget.calls_per_day} calls and {budget.usd_per_day} USD a day, {budget.calls_per_hour} calls an hour, "
        f"{budget.usd_per_call} USD a call (one may cost {reserve:.4f} at most); only events ask from "
        f"{budget.quiet_from_share:.0%} on; in {'regular hours' if budget.hours == 'regular' else 'all hours'}"
    )
    if reserve > budget.usd_per_call:
        return Check("model caps", False, f"{words}: no question ever leaves", "raise budget.usd_per_call, lower "
                     "model.answer_tokens, or take a cheaper model with OPENAI_MODEL")
    return Check("model caps", True, words)


def _authority(settings: Settings) -> Check:
    wanted = settings.model.authority
    if wanted is not None:
        return Check("authority", True, f"{wanted} in every mode: {_REACH[wanted]}")
    return Check("authority", True, f"trade in test mode: {_REACH['trade']}; advise in live mode: {_REACH['advise']}")
