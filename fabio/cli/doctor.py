"""`fabio doctor`: what is missing, what is wrong, and how to mend it."""

from typing import Annotated

import typer

from fabio.cli.options import DEFAULT_LOGS, ConfigOption, JsonOption, LogsOption

LiveOption = Annotated[bool, typer.Option("--live", help="Ask TopstepX too: account, contract, brackets, clock; and "
                               "the model, one question that costs a fraction of a cent.")]

ProbeOption = Annotated[
    bool, typer.Option("--probe-brackets", help="With --live: learn the account's bracket mode by one limit order far "
                       "from the market, cancelled at once.")
]


def doctor(
    logs: LogsOption = DEFAULT_LOGS, config: ConfigOption = None, live: LiveOption = False,
    probe_brackets: ProbeOption = False, json: JsonOption = False,
) -> None:
    """Look at everything a run needs; exit code 1 if something has to be mended.

    Keys are only looked for, never shown. Nothing is ordered, but with --probe-brackets. The model is
    asked with --live alone, where a key is set or its server runs on this machine.
    """
    from itertools import chain

    import msgspec

    from fabio.adapters.redact import KNOWN
    from fabio.cli.failures import FAILED
    from fabio.cli.output import print_json
    from fabio.runtime.doctor import examine
    from fabio.runtime.doctor_live import examine_live
    from fabio.runtime.doctor_model import examine_model, examine_model_live

    failed = 0
    checks = []
    asked = (examine_model_live(config), examine_live(config, probe_brackets)) if live or probe_brackets else ()
    for each in chain(examine(config, logs), examine_model(config), *asked):
        each = msgspec.structs.replace(each, found=KNOWN.hide_keys(each.found), cure=KNOWN.hide_keys(each.cure))
        checks.append(msgspec.to_builtins(each))
        failed += not each.ok
        if not json:
            typer.echo(f"{'ok  ' if each.ok else 'FAIL'} {each.name:14} {each.found}")
            if each.cure:
                typer.echo(f"{'':20}cure: {each.cure}")
    if json:
        print_json({"checks": checks})
    elif not failed:
        typer.echo("all is well; try  fabio run")
    if failed:
        raise typer.Exit(FAILED)
