"""The shape of a model's answer: strict pydantic, and the JSON Schema that comes of it.

This is the only file of the room that imports pydantic, which takes a while to start; only who
reads a model's answers imports it. A shape is a format and no bound: what an answer may change
is decided afterwards (`answer_effects.py`). The caps here only keep the work small.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, WithJsonSchema

from fabio.model.regime import Balance, Direction, Label, PocLocation, ValueLocation
from fabio.model.signal import EntryKind
from fabio.model.strategy import Expected
from fabio.model.zone import Priority
from fabio.regime.answer_context import ID_DIGITS, Refused, Why

STRICT = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)
PLAYBOOK_MODELS = ("mean_reversion", "trend_continuation")
NO_MODEL = "none"
REASONING_MOST, REASON_MOST, CLAIM_MOST, ZONE_NAME_MOST = 600, 200, 160, 24
"""Characters asked for; up to twice as many are cut, more refuse the answer."""
ITEMS_MOST = 32


def chosen_models(strategies: Sequence[str]) -> tuple[str, ...]:
    """Give what `chosen_model` may be: the playbook's models, the strategies at hand, or `none`."""
    return (*sorted({*PLAYBOOK_MODELS, *strategies}), NO_MODEL)


def _is_strategy(name: str, info: ValidationInfo) -> str:
    if info.context is None or name not in info.context:
        raise ValueError("is not the name of a strategy")
    return name


def _is_chosen_model(name: str, info: ValidationInfo) -> str:
    return name if name in PLAYBOOK_MODELS or name == NO_MODEL else _is_strategy(name, info)


# names of strategies are only known at run time: validated by context, put into the schema afterwards
StrategyName = Annotated[
    str, Field(max_length=64), AfterValidator(_is_strategy), WithJsonSchema({"type": "string", "enum": ["strategies"]})]
ModelName = Annotated[
    str, Field(max_length=64), AfterValidator(_is_chosen_model), WithJsonSchema({"type": "string", "enum": ["models"]})]
Reason = Annotated[str, Field(max_length=2 * REASON_MOST)]


class MarketAssessment(BaseModel):
    """What the market is doing."""

    model_config = STRICT
    market_state: Balance
    regime: Label
    direction: Direction
    location_vs_value: ValueLocation
    location_vs_poc: PocLocation
    chosen_model: ModelName
    confidence: float
    reasoning: Annotated[str, Field(max_length=2 * REASONING_MOST)]


class TradeWish(BaseModel):
    """A trade that is wished in a strategy's name; prices in price units."""

    model_config = STRICT
    action: Literal["enter", "exit", "modify"]
    strategy: StrategyName
    side: Literal["long", "short"] | None
    kind: EntryKind | None
    entry_price: float | None
    stop_price: float | None
    target_price: float | None
    risk_fraction: float | None
    reason: Reason


class Changes(BaseModel):
    """New values of a strategy's state; null, or not given, leaves one as it is."""

    model_config = STRICT
    enabled: bool | None = None
    risk_fraction: float | None = None
    max_trades_per_session: int | None = None
    min_rr: float | None = None
    stop_ticks: int | None = None
    target_ticks: int | None = None


class Tweak(BaseModel):
    """Changes of one strategy, with the reason."""

    model_config = STRICT
    name: StrategyName
    changes: Changes
    reason: Reason


class StrategyUpdates(BaseModel):
    """Which strategies shall be active (null: as they are), and finer changes."""

    model_config = STRICT
    active_strategies: Annotated[list[StrategyName], Field(max_length=2 * ITEMS_MOST)] | None
    strategy_tweaks: Annotated[list[Tweak], Field(max_length=ITEMS_MOST)]


class ZoneWish(BaseModel):
    """A price that matters, with the half widths of its two bands in ticks."""

    model_config = STRICT
    name: Annotated[str, Field(max_length=2 * ZONE_NAME_MOST)]
    price: float
    inner_ticks: int
    outer_ticks: int
    priority: Priority


class NoteWish(BaseModel):
    """Something to be remembered, and what it is about; null means any."""

    model_config = STRICT
    claim: Annotated[str, Field(max_length=2 * CLAIM_MOST)]
    strategy: StrategyName | None
    regime: Label | None
    zone: Annotated[str, Field(max_length=2 * ZONE_NAME_MOST)] | None
    expects: Expected | None


class Answer(BaseModel):
    """One whole answer."""

    model_config = STRICT
    id: Annotated[str, Field(max_length=2 * ID_DIGITS)]
    market_assessment: MarketAssessment
    trade_decisions: Annotated[list[TradeWish], Field(max_length=ITEMS_MOST)]
    strategy_updates: StrategyUpdates
    importance_zones: Annotated[list[ZoneWish], Field(max_length=ITEMS_MOST)]
    notes_to_future_self: Annotated[list[NoteWish], Field(max_length=ITEMS_MOST)]


def shaped(whole: dict[str, Any], strategies: Iterable[str]) -> Answer:
    """Give a JSON object as an answer.

    Raises
    ------
    Refused
        `wrong_shape`, or `too_long` where a text or a list is: the first thing that was wrong, by its path.
    """
    try:
        return Answer.model_validate(whole, context=frozenset(strategies))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        why: Why = "too_long" if first["type"] in ("string_too_long", "too_long") else "wrong_shape"
        raise Refused(why, f"{path}: {first['msg']}") from None


def json_schema(strategies: Sequence[str]) -> dict[str, Any]:
    """Give the answer's JSON Schema as OpenAI's strict mode wants it.

    Every object lists all its properties as required and forbids others, nothing is referred to,
    what is optional is nullable. Bounds and lengths are left out, since several servers refuse a
    schema that has them; the system text tells them, and the reader holds them.
    """
    enums = {"strategies": sorted(set(strategies)), "models": list(chosen_models(strategies))}
    raw = _raw_schema()
    return _plain(raw, raw.get("$defs", {}), enums)


@cache
def _raw_schema() -> dict[str, Any]:
    return Answer.model_json_schema()


def _plain(node: dict[str, Any], shapes: dict[str, Any], enums: dict[str, list[str]]) -> dict[str, Any]:
    if "$ref" in node:
        return _plain(shapes[node["$ref"].rpartition("/")[2]], shapes, enums)
    if "anyOf" in node:
        return {"anyOf": [_plain(each, shapes, enums) for each in node["anyOf"]]}
    if node["type"] == "object":
        properties = {name: _plain(each, shapes, enums) for name, each in node["properties"].items()}
        return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    if node["type"] == "array":
        return {"type": "array", "items": _plain(node["items"], shapes, enums)}
    if "enum" not in node:
        return {"type": node["type"]}
    words = node["enum"]
    known = enums.get(words[0], words) if len(words) == 1 else words
    return {"type": "string", "enum": list(known)} if known else {"type": "string"}
