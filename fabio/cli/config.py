"""`fabio config`: every setting, its value, and where it came from."""

from pathlib import Path
from typing import Annotated

import typer

from fabio.cli.options import ConfigOption, JsonOption, SetOption

app = typer.Typer(
    help="Show, check, describe and copy the configuration.", no_args_is_help=True, rich_markup_mode=None,
    epilog="Example:  fabio config show --changed",
)

ChangedOption = Annotated[bool, typer.Option("--changed", help="Only what is not a default.")]
TargetArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Where to.")]
DEFAULT_TARGET = Path("config")


@app.command("show", epilog="Example:  fabio config show --changed")
def show(
    changed: ChangedOption = False, set_: SetOption = None, config: ConfigOption = None, json: JsonOption = False,
) -> None:
    """Show every setting with its value and where it came from; secrets are masked."""
    from fabio.adapters.redact import MASK as HIDDEN
    from fabio.cli.output import print_json, say
    from fabio.settings.load import DEFAULT, load
    from fabio.settings.show import rows

    settings = load(config=config, overrides=set_ or ())
    found = [row for row in rows(settings) if not changed or row.origin != DEFAULT]
    for warning in settings.warnings:
        say(f"warning: {warning}")
    if json:
        print_json({
            "folder": str(settings.folder), "warnings": settings.warnings,
            "settings": [
                {
                    "path": row.path, "variable": row.variable, "origin": row.origin,
                    # a secret, or an address with a login in it
                    "value": row.value if HIDDEN in row.value else _plain(settings.values[row.path]),
                    "overruled": row.overruled, "words": row.words,
                }
                for row in found
            ],
        })
        return
    from fabio.cli.rows import print_rows

    say(f"configuration folder: {settings.folder}")
    print_rows(["setting", "value", "from"], [
        (row.path, row.value, row.origin + (f" (before {', '.join(row.overruled)})" if row.overruled else ""))
        for row in found
    ])


@app.command("check", epilog="Example:  fabio config check --config config")
def check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Read the whole configuration as a run would: exit code 0 if it stands, 3 with what is wrong."""
    import msgspec

    from fabio.cli.output import print_json, say
    from fabio.runtime.doctor import check_configuration

    checks = check_configuration(config)
    wrong = [each for each in checks if not each.ok]
    if json:
        print_json({"ok": not wrong, "checks": [msgspec.to_builtins(each) for each in checks]})
    for each in checks:
        if not each.ok:
            say(f"fabio: {each.found}")
        elif not json:
            typer.echo(f"{each.name}: {each.found}")
    if wrong:
        from fabio.cli.failures import BAD_CONFIGURATION

        raise typer.Exit(BAD_CONFIGURATION)


@app.command("schema", epilog="Example:  fabio config schema > fabio.schema.json")
def schema() -> None:
    """Print the JSON Schema of fabio.toml, for editors."""
    from fabio.cli.output import print_json
    from fabio.settings.show import schema as described

    print_json(described())


@app.command("init", epilog="Example:  fabio config init config")
def init(target: TargetArgument = DEFAULT_TARGET, json: JsonOption = False) -> None:
    """Copy the shipped configuration for editing; nothing is overwritten."""
    from fabio.cli.output import print_json
    from fabio.model.errors import ConfigError
    from fabio.settings.show import init_config

    try:
        written = init_config(target)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=str(error.filename or target),
                          expected="a folder you may write to") from None
    if json:
        print_json([str(each) for each in written])
        return
    for each in written:
        typer.echo(f"wrote {each}")


def _plain(value: object) -> object:
    """Give a value as JSON has it; exact decimals as numbers."""
    from decimal import Decimal

    import msgspec

    return float(value) if isinstance(value, Decimal) else msgspec.to_builtins(value, enc_hook=str)
