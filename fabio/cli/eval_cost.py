"""`fabio eval cost`: what a recorded day's questions cost, in money and time."""

from typing import Annotated

import typer

from fabio.cli.options import DEFAULT_LOGS, ConfigOption, JsonOption, LogsOption, SetOption

GoodForOption = Annotated[
    float | None, typer.Option("--good-for", min=1, max=3600, metavar="SECONDS", help="How long a model's answer "
                               "stands; default: model.good_for_s of the settings.")
]


def cost(
    logs: LogsOption = DEFAULT_LOGS, good_for: GoodForOption = None, set_: SetOption = None,
    config: ConfigOption = None, json: JsonOption = False,
) -> None:
    """Tell calls, tokens, money, latency and failures of what a folder recorded, by source and by hour."""
    from fabio.cli.failures import Failed, NotFound
    from fabio.cli.output import print_json
    from fabio.research.exchanges.costs import ExchangesBroken, cost_rows, costs_of, read_spent
    from fabio.settings.load import load

    path = logs / "llm_exchanges.jsonl"
    if not path.is_file():
        raise NotFound(f"no llm_exchanges.jsonl in {logs}: name a folder of records with --logs")
    good_for_s = load(config=config, overrides=set_ or ()).model.good_for_s if good_for is None else good_for
    try:
        answer = costs_of(read_spent(path), good_for_s)
    except ExchangesBroken as error:
        raise Failed(str(error)) from None
    if json:
        print_json(answer)
        return
    from fabio.cli.rows import print_rows

    typer.echo(f"{answer['exchanges']} exchanges from {answer['first']} to {answer['last']}")
    print_rows(*cost_rows(answer))
    minutes = answer["minutes"]
    share = minutes["share_on_rules"]
    typer.echo(f"minutes with a question: {minutes['asked']}; on the rules' label alone: {minutes['on_rules']}"
               + ("" if share is None else f" ({share:.1%})")
               + f", where a model's answer stands {minutes['good_for_s']:g} s")
