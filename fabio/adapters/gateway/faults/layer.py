"""Faults: the layer that decides what becomes of each call and each event. Without a script, nothing."""

from collections.abc import Callable
from random import Random
from typing import Any

from fabio.adapters.gateway.connection import HubName, Outgoing
from fabio.adapters.gateway.core import Gateway
from fabio.adapters.gateway.faults.acts import Stage
from fabio.adapters.gateway.faults.catalogue import FAULTS, SURFACE_OF, Known
from fabio.adapters.gateway.faults.fates import Fate, Parcel, Parcels
from fabio.adapters.gateway.faults.script import Script, options_of, surfaces_of
from fabio.adapters.gateway.faults.spec import FaultSpec
from fabio.adapters.topstepx.stamps import SECOND_NS


class Armed:
    """A fault of the script, with its own randomness and what it has done so far."""

    def __init__(self, spec: FaultSpec, seed: int, number: int) -> None:
        self.spec = spec
        self.known: Known = FAULTS[spec.name]
        self.surfaces = surfaces_of(spec)
        self.options: dict[str, Any] = options_of(spec)
        self.dice = Random(f"{seed} {number} {spec.name}")
        self.struck = 0

    def strikes(self, surface: str, seconds: float) -> bool:
        """Tell whether it strikes now; counts where it does."""
        spec = self.spec
        if surface not in self.surfaces or not spec.is_on(seconds):
            return False
        if (spec.most is not None and self.struck >= spec.most) or self.dice.random() >= spec.rate:
            return False
        self.struck += 1
        return True


class Faults:
    """All faults of a script, around one gateway.

    Parameters
    ----------
    script
        None for no fault at all.

    Attributes
    ----------
    struck
        Name of a fault -> how often it struck a call or an event.
    """

    def __init__(self, gateway: Gateway, script: Script | None = None) -> None:
        script = Script() if script is None else script
        self._gateway = gateway
        self._start_ns = gateway.now_ns
        self._armed = [Armed(spec, script.seed, number) for number, spec in enumerate(script.faults)]
        for armed in self._armed:
            if armed.known.act is not None:
                armed.known.act(Stage(gateway, armed.spec, armed.options, armed.dice, self._start_ns))

    @property
    def struck(self) -> dict[str, int]:
        """How often each fault has struck; deeds are not counted."""
        return {armed.spec.name: armed.struck for armed in self._armed}

    def fate(self, path: str) -> Fate:
        """Say what becomes of a call."""
        fate, surface = Fate(), SURFACE_OF.get(path, "")
        for armed in self._striking(surface, lambda known: known.rest is not None):
            if armed.known.rest is not None:
                armed.known.rest(fate, armed.dice, armed.options)
        return fate

    def refuses(self, hub: HubName) -> int | None:
        """Give the status with which a connection is refused; None where it is not."""
        striking = self._striking(hub, lambda known: known.gate)
        return int(striking[0].options["status"]) if striking else None

    def incoming(self, hub: HubName) -> bool:
        """Tell whether what a client sends is lost."""
        return bool(self._striking(hub, lambda known: known.incoming))

    def outgoing(self, hub: HubName, items: list[Outgoing]) -> Parcels:
        """Say what becomes of what a hub sends."""
        parcels: Parcels = []
        for item in items:
            own = [Parcel(item)]
            for armed in self._striking(hub, lambda known: known.hub is not None):
                if armed.known.hub is not None:
                    own = armed.known.hub(own, armed.dice, armed.options)
            parcels += own
        return parcels

    def _striking(self, surface: str, kind: Callable[[Known], bool]) -> list[Armed]:
        if not self._armed:
            return []
        seconds = (self._gateway.now_ns - self._start_ns) / SECOND_NS
        return [armed for armed in self._armed if kind(armed.known) and armed.strikes(surface, seconds)]
