"""`fabio report`: what the last hours brought, in the terminal or as one page."""

from pathlib import Path
from typing import Annotated

import typer

from fabio.cli.options import DEFAULT_LOGS, ConfigOption, JsonOption, LogsOption

HoursOption = Annotated[
    float, typer.Option("--hours", metavar="N", help="The record's last N hours, by its own clock.")
]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write one page that needs nothing else.")
]


def report(
    hours: HoursOption = 24.0, html: HtmlOption = None, logs: LogsOption = DEFAULT_LOGS, config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show what the last hours brought: equity, trades, guards, strategies, model, risk, and how whole the record is.

    The page of --html has all of it as drawings, and needs no network. Ratios are None, with a reason,
    where there are too few days. Hours count back from the record's end.
    """
    from fabio.cli.failures import BadUsage, Failed, NotFound
    from fabio.cli.folders import records_in
    from fabio.cli.output import print_json, say

    if not 0 < hours < float("inf"):
        raise BadUsage(f"--hours {hours:g} is not a number of hours above 0; --hours 1000000 takes the whole record")
    with records_in(logs):
        from fabio.learning.report.data import NothingToReport
        from fabio.learning.report.data import report as put_together
        from fabio.settings.load import load

        try:
            answer = put_together(load(config=config), logs, hours)
        except NothingToReport as nothing:
            raise NotFound(str(nothing)) from None
    if html is not None:
        from fabio.learning.report.page import page

        try:
            html.write_text(page(answer), encoding="utf-8", errors="replace")
        except OSError as error:
            raise Failed(f"{html} cannot be written: {error.strerror}") from None
        say(f"page: {html.resolve()}")
    if json:
        print_json(answer)
        return
    from fabio.cli.report_screen import print_report

    print_report(answer)
