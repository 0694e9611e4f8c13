"""Bodies of the requests beside `records.PlaceOrder` and `ModifyOrder`: what is left out has a default."""

import msgspec


class Login(msgspec.Struct, frozen=True, rename="camel"):
    """Body of `loginKey`; both fields have to be there."""

    user_name: str
    api_key: str


class AccountsWanted(msgspec.Struct, frozen=True, rename="camel"):
    """Body of `Account/search`."""

    only_active_accounts: bool = False


class TextWanted(msgspec.Struct, frozen=True, rename="camel"):
    """Body of `Contract/search`."""

    search_text: str | None = None
    live: bool = False


class ContractWanted(msgspec.Struct, frozen=True, rename="camel"):
    """Body of `Contract/searchById`."""

    contract_id: str = ""


class ContractsWanted(msgspec.Struct, frozen=True, rename="camel"):
    """Body of `Contract/available`."""

    live: bool = False


class BarsWanted(msgspec.Struct, frozen=True, rename="camel"):
    """Body of `History/retrieveBars`."""

    contract_id: str = ""
    live: bool = False
    start_time: str = ""
    end_time: str = ""
    unit: int = 0
    unit_number: int = 0
    limit: int = 0
    include_partial_bar: bool = False


class SpanWanted(msgspec.Struct, frozen=True, rename="camel"):
    """Body of `Order/search` and `Trade/search`."""

    account_id: int = 0
    start_timestamp: str | None = None
    end_timestamp: str | None = None


class AccountWanted(msgspec.Struct, frozen=True, rename="camel"):
    """Body of both `searchOpen`."""

    account_id: int = 0


class OrderWanted(msgspec.Struct, frozen=True, rename="camel"):
    """Body of `Order/searchById` and `Order/cancel`."""

    account_id: int = 0
    order_id: int = 0


class Filter(msgspec.Struct, frozen=True, rename="camel"):
    """Filter of `Order/v2/query`; `contract_id` was seen to have no effect."""

    account_id: int
    statuses: tuple[int, ...] | None = None
    contract_id: str | None = None
    created_after: str | None = None
    created_before: str | None = None


class QueryWanted(msgspec.Struct, frozen=True, rename="camel"):
    """Body of `Order/v2/query`; without its filter it is a 400."""

    filter: Filter
    page_size: int | None = None
    page_offset: int | None = None
    sort_by: int | None = None
    sort_direction: int | None = None
    include_total_count: bool | None = None


class CloseWanted(msgspec.Struct, frozen=True, rename="camel"):
    """Body of both closes; `size` of the partial one."""

    account_id: int = 0
    contract_id: str = ""
    size: int | None = None
