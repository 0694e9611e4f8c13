"""InForce: which regime is in force, followed along the facts as the machine does."""

from fabio.engine.mind import still_stands
from fabio.model.fact import Fact, ModelAnswered, ModelAsked, ModelSet, RegimeInferred, SessionRolled
from fabio.model.regime import Regime

_SELDOM = frozenset({ModelAsked, ModelSet, SessionRolled, ModelAnswered})


class InForce:
    """Shown every fact in order, tells the regime that a fact has put in force."""

    def __init__(self) -> None:
        self._asked_with: dict[int, tuple[str, str]] = {}  # market -> the rules' label of the last question
        self._stands: dict[int, Regime] = {}  # market -> the model's answer that stands

    def take(self, fact: Fact) -> tuple[int, Regime] | None:
        """Give market and regime, where this fact's answer is in force; else None."""
        if type(fact) is RegimeInferred:  # nine of ten facts are these and what they answer
            stands = self._stands.get(fact.market)
            if stands is None or not still_stands(stands, self._asked_with[fact.market], fact.regime):
                self._stands.pop(fact.market, None)
                return fact.market, fact.regime
            return None
        return self._take_seldom(fact) if type(fact) in _SELDOM else None

    def _take_seldom(self, fact: Fact) -> tuple[int, Regime] | None:
        match fact:
            case ModelAsked(market=market, told=told):
                self._asked_with[market] = (told.label, told.direction)
            case ModelSet():
                self._stands.clear()
            case SessionRolled(market=market):
                self._stands.pop(market, None)
            case ModelAnswered(market=market, regime=regime, stands=True):
                self._stands[market] = regime
                return market, regime
            case _:
                pass
        return None
