"""InForce: which regime is in force, followed along the facts as the machine does."""

from fabio.engine.mind import still_stands
from fabio.model.fact import Fact, ModelAnswered, ModelAsked, ModelSet, RegimeInferred, SessionRolled
from fabio.model.regime import Regime


class InForce:
    """Shown every fact in order, tells the regime that a fact has put in force."""

    def __init__(self) -> None:
        self._asked_with: dict[int, tuple[str, str]] = {}  # market -> the rules' label of the last question
        self._stands: dict[int, Regime] = {}  # market -> the model's answer that stands

    def take(self, fact: Fact) -> tuple[int, Regime] | None:
        """Give market and regime, where this fact's answer is in force; else None."""
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
            case RegimeInferred(market=market, regime=regime):
                stands = self._stands.get(market)
                if stands is None or not still_stands(stands, self._asked_with[market], regime):
                    self._stands.pop(market, None)
                    return market, regime
            case _:
                pass
        return None
