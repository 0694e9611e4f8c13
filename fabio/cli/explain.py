"""`fabio explain`: why it traded or did not, on one screen."""

from typing import Annotated

import typer

from fabio.cli.options import DEFAULT_LOGS, ConfigOption, JsonOption, LogsOption

AskedArgument = Annotated[
    str, typer.Argument(
        metavar="TIME|ID",
        help="An id from the records (decision, order, trade, shadow, question), or a time: 14:30 (the exchange's "
             "wall time in the last session here), 14:30Z (UTC), or ISO 8601.",
    )
]


def explain(
    asked: AskedArgument, logs: LogsOption = DEFAULT_LOGS, config: ConfigOption = None, json: JsonOption = False,
) -> None:
    """Tell why it traded or did not: data, regime, signal, every guard's verdict, size, order, outcome.

    A time without a decision is lived through again on the recorded tape: what each strategy
    looked at says what was missing.
    """
    from fabio.cli.folders import records_in
    from fabio.cli.output import compiled_kernels, print_json, say

    with records_in(logs), compiled_kernels():
        from fabio.runtime.explain import explain as explained
        from fabio.settings.load import load

        answer = explained(load(config=config), logs, asked)
    say(answer["taken_as"])
    if json:
        print_json(answer)
        return
    from fabio.cli.chain import print_chain

    print_chain(answer)
