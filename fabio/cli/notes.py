"""`fabio notes`: what the agent has noted for its future self, each with its record."""

from typing import Annotated, Any

import typer

from fabio.cli.options import DEFAULT_LOGS, ConfigOption, JsonOption, LogsOption

AllOption = Annotated[
    bool, typer.Option("--all", help="Also those that were contradicted, have expired, were retired or made way.")
]


def notes(
    all: AllOption = False, logs: LogsOption = DEFAULT_LOGS, config: ConfigOption = None, json: JsonOption = False,
) -> None:
    """Show the notes and what outcomes say of them, the best first.

    A note is pending until enough trades in its scope have ended, on enough days; the best supported
    ones (marked with *) stand in each question to the model. Age is in trading days; score is
    |mean R| x sqrt(trades) x 0.9^age. `fabio learn undo ID` retires a note.
    """
    from fabio.cli.failures import NotFound
    from fabio.cli.folders import records_in
    from fabio.cli.output import print_json, say

    with records_in(logs):
        from fabio.runtime.learned import Learned
        from fabio.settings.load import load

        learned = Learned(load(config=config), logs)
    if not learned.steps:
        raise NotFound(f"there is no journal in {logs}: `fabio run --logs {logs}` makes one")
    rows = learned.notes(everything=all)
    if json:
        print_json({"notes": rows})
        return
    if not rows:
        say("no note is pending or supported" + ("" if all else "; --all shows the others"))
        return
    from fabio.cli.rows import print_rows

    print_rows(["id", "status", "won", "mean R", "days", "age", "score", "note"], [(
        f"{row['id']}{' *' if row['shown'] else ''}",
        row["status"] if row["kept"] else "made way",
        f"{row['wins']}/{row['outcomes']}",
        "-" if row["mean_r"] is None else f"{row['mean_r']:+.2f}",
        row["sessions"],
        row["age_sessions"],
        f"{row['score']:.2f}",
        f"{row['text']} ({_about(row)}, by {row['source']})",
    ) for row in rows], one_wraps=True)


def _about(row: dict[str, Any]) -> str:
    about = " ".join(row[name] for name in ("strategy", "regime", "zone") if row[name]) or "anything"
    return f"about {about}" + ("" if row["expects"] is None else f", expects {row['expects']}")
