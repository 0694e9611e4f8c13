"""REST: who asks, may they, and which endpoint it is."""

from collections.abc import Callable

from fabio.adapters.gateway.bodies import Login
from fabio.adapters.gateway.clock import VenueClock
from fabio.adapters.gateway.messages import Answer, Refusal, Request, Unreadable, problem, read, refused, success
from fabio.adapters.gateway.mutations import Mutations
from fabio.adapters.gateway.plan import SHORTEST_KEY, GatewayPlan
from fabio.adapters.gateway.queries import Queries
from fabio.adapters.gateway.throttle import Throttle
from fabio.adapters.gateway.tokens import Tokens
from fabio.adapters.topstepx.enums import LoginError

PING, LOGIN, VALIDATE, LOGOUT = (
    "/api/Status/ping", "/api/Auth/loginKey", "/api/Auth/validate", "/api/Auth/logout")
UNAUTHORISED = Answer(status=401, headers=(("WWW-Authenticate", "Bearer"),))

Endpoint = Callable[[bytes, int], Answer]


class Rest:
    """All paths.

    Parameters
    ----------
    plan
        Names the user and the rate limits.
    """

    def __init__(self, plan: GatewayPlan, clock: VenueClock, tokens: Tokens, queries: Queries,
                 mutations: Mutations) -> None:
        self._plan = plan
        self._clock = clock
        self._tokens = tokens
        self._throttle = Throttle()
        self._endpoints: dict[str, Endpoint] = {
            "/api/Account/search": queries.accounts,
            "/api/Contract/search": queries.search_contracts,
            "/api/Contract/searchById": queries.contract,
            "/api/Contract/available": queries.available_contracts,
            "/api/History/retrieveBars": queries.bars,
            "/api/Order/search": queries.orders_of_span,
            "/api/Order/searchOpen": queries.open_orders,
            "/api/Order/searchById": queries.order,
            "/api/Order/v2/query": queries.query_orders,
            "/api/Position/searchOpen": queries.positions,
            "/api/Trade/search": queries.half_turns,
            "/api/Order/place": mutations.place,
            "/api/Order/modify": mutations.modify,
            "/api/Order/cancel": mutations.cancel,
            "/api/Position/closeContract": mutations.close,
            "/api/Position/partialCloseContract": mutations.partial_close,
        }
        # path -> what answers it

    def answer(self, request: Request, as_of_ns: int) -> Answer:
        """Answer a request; queries tell how things were at `as_of_ns`."""
        if request.path == PING:
            return _only("GET", request) or Answer(body=b"pong", content_type="text/plain; charset=utf-8")
        try:
            return self._answer(request, as_of_ns)
        except Unreadable as error:
            return problem(str(error))

    def _answer(self, request: Request, as_of_ns: int) -> Answer:
        if request.path == LOGIN:
            return _only("POST", request) or self._log_in(request)
        user = self._tokens.user_of(request.token)
        if user is None:
            return UNAUTHORISED
        if request.path in (VALIDATE, LOGOUT):
            return _only("POST", request) or self._session(request, user)
        endpoint = self._endpoints.get(request.path)
        if endpoint is None:
            return Answer(status=404)
        return _only("POST", request) or self._throttled(user, request) or endpoint(request.body, as_of_ns)

    def _log_in(self, request: Request) -> Answer:
        login = read(Login, request.body)
        if login.user_name.lower() != self._plan.user.lower():
            return refused(Refusal(LoginError.USER_NOT_FOUND), token=None)
        if len(login.api_key) < SHORTEST_KEY:
            return refused(Refusal(LoginError.INVALID_CREDENTIALS), token=None)
        throttled = self._throttled(self._plan.user, request)
        return throttled or success(token=self._tokens.issue(self._plan.user))

    def _session(self, request: Request, user: str) -> Answer:
        throttled = self._throttled(user, request)
        if throttled is not None:
            return throttled
        if request.path == VALIDATE:
            return success(newToken=self._tokens.issue(user))
        self._tokens.end(request.token)
        return success()

    def _throttled(self, user: str, request: Request) -> Answer | None:
        switches = self._plan.switches
        if not switches.rate_limits or self._throttle.takes(user, request.path, self._clock.now_ns):
            return None
        seconds = switches.retry_after_s
        return Answer(status=429, headers=() if seconds is None else (("Retry-After", str(seconds)),))


def _only(method: str, request: Request) -> Answer | None:
    return None if request.method == method else Answer(status=405, headers=(("Allow", method),))
