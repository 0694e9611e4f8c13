"""What a demo is when nobody says otherwise; light enough to be read before anything else."""

import datetime as dt

DEFAULT_SEED = 82
DEFAULT_SYMBOL = "MNQ"
FIRST_DATE = dt.date(2026, 6, 1)
"""Date of the first generated session: a Monday without a holiday near."""
WATCHED_S = 40.0
"""How long the watched part of a demo day takes on the wall clock at the default speed."""
