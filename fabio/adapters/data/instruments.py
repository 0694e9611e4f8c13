"""The table of contracts: `config/instruments.toml` to `Instrument`."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec

from fabio.adapters.data.contracts import Contract, parse_contract
from fabio.adapters.data.toml_file import read_toml
from fabio.model.errors import ConfigError, did_you_mean
from fabio.model.instrument import Instrument

_FIELDS = {field.name: field for field in msgspec.structs.fields(Instrument) if field.name != "symbol"}
_ABOVE_ZERO = {
    "tick_size",
    "tick_value",
    "size_step",
    "mini_equivalent",
    "big_print_size",
    "trading_seconds_per_year",
    "poc_cross_band_ticks",
}
_LARGEST = Decimal("1e12")


def load_instruments(path: Path) -> dict[str, Instrument]:
    """Read the table of contracts.

    Returns
    -------
    dict[str, Instrument]
        By root, in the file's order.

    Raises
    ------
    ConfigError
        Names the file, the table and the key, and what would be right.
    """
    tables = read_toml(path)
    if not tables:
        raise ConfigError(f"{path} holds no instrument")
    return {symbol: _instrument(path, symbol, table) for symbol, table in tables.items()}


def find_instrument(instruments: dict[str, Instrument], name: str) -> tuple[Instrument, Contract | None]:
    """Find what a person means by `NQ`, `NQM5`, `NQM25` or `NQ 06-25`.

    Returns
    -------
    tuple[Instrument, Contract or None]
        The contract is None where only the instrument was named.

    Raises
    ------
    ConfigError
        If the table does not know it; says how to add it.
    """
    root = name.strip().upper()
    if root in instruments:
        return instruments[root], None
    contract = parse_contract(name, instruments)
    if contract is not None:
        return instruments[contract.root], contract
    raise ConfigError(
        f"unknown instrument {name!r}{did_you_mean(name, instruments)}: name a root (NQ) or a contract "
        f"(NQM5), or add a table [{root or 'NAME'}] to config/instruments.toml "
        f"with at least {', '.join(_required())}"
    )


def _required() -> list[str]:
    return [name for name, field in _FIELDS.items() if field.required]


def _instrument(path: Path, symbol: str, table: Any) -> Instrument:
    where = f"{path}, [{symbol}]"
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: {symbol!r} stands outside any table; write [NQ], then its keys")
    if symbol != symbol.upper() or not symbol.isalnum() or not symbol.isascii():
        raise ConfigError(f"{where}: a root is upper-case letters and digits, as in [NQ]")
    for key in table:
        if key not in _FIELDS:
            raise ConfigError(f"{where}: unknown key {key!r}{did_you_mean(key, _FIELDS)}")
    missing = [name for name in _required() if name not in table]
    if missing:
        raise ConfigError(f"{where}: {', '.join(missing)} missing")
    values = {key: _value(f"{where}, {key}", key, raw) for key, raw in table.items()}
    return Instrument(symbol=symbol, **values)


def _value(where: str, key: str, raw: Any) -> Any:
    kind = _FIELDS[key].type
    if kind is bool:
        if not isinstance(raw, bool):
            raise ConfigError(f"{where}: {raw!r} is not true or false")
        return raw
    if kind is int:
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise ConfigError(f"{where}: {raw!r} is not a whole number")
        return _in_range(where, key, raw)
    if kind in (str, str | None):
        if not isinstance(raw, str) or not raw.strip():
            raise ConfigError(f"{where}: {raw!r} is not a text")
        return raw
    if not isinstance(raw, str):
        raise ConfigError(f'{where}: write {raw!r} in quotes ("{raw}"), so that it stays an exact decimal')
    try:
        number = Decimal(raw)
    except InvalidOperation:
        raise ConfigError(f"{where}: {raw[:40]!r} is not a decimal number") from None
    if not number.is_finite() or "_" in raw or not raw.isascii():
        raise ConfigError(f"{where}: {raw[:40]!r} is not a decimal number")
    return _in_range(where, key, number)


def _in_range(where: str, key: str, number: int | Decimal) -> int | Decimal:
    if key in _ABOVE_ZERO and number <= 0:
        raise ConfigError(f"{where}: {number} has to be above 0")
    if number < 0 or number > _LARGEST:
        raise ConfigError(f"{where}: {str(number)[:40]} has to be between 0 and {_LARGEST}")
    return number
