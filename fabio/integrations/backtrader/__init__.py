"""Record every decision of a Backtrader strategy: `cerebro.addanalyzer(FMELRecorder, _name='fmel')`."""

from fabio.integrations.backtrader.recorder import FMELRecorder
from fabio.integrations.backtrader.storage import FMELStorage
from fabio.integrations.backtrader.utils import FMELUtils

__all__ = ["FMELRecorder", "FMELStorage", "FMELUtils"]
