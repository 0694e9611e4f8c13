"""`fabio eval prompt`: two system texts side by side, over recorded questions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fabio.cli.options import DEFAULT_LOGS, ConfigOption, JsonOption, LogsOption, SetOption

if TYPE_CHECKING:
    from decimal import Decimal

    from fabio.adapters.llm.client import OpenAIModel
    from fabio.research.exchanges.prompts import Prompt
    from fabio.research.exchanges.questions import RecordedQuestion
    from fabio.settings.load import Settings

AOption = Annotated[Path | None, typer.Option("--a", metavar="FILE", help="System text; default: the shipped one.")]
BOption = Annotated[Path | None, typer.Option("--b", metavar="FILE", help="The other one; default: the shipped one, "
                                              "where --a is given.")]
MostOption = Annotated[
    int, typer.Option("--most", min=1, max=10_000, metavar="N", help="Questions, evenly over the record.")]
RepeatOption = Annotated[
    int, typer.Option("--repeat", min=1, max=20, metavar="N", help="Put each so often, to compare the answers.")]
RecordOption = Annotated[
    Path | None, typer.Option("--record", metavar="FILE", help="Append every question and reply, for --replay.")]
ReplayOption = Annotated[
    Path | None, typer.Option("--replay", metavar="FILE", help="Take the replies of a --record; nobody is asked.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask before money is spent.")]


def prompt(
    logs: LogsOption = DEFAULT_LOGS, a: AOption = None, b: BOption = None, most: MostOption = 50,
    repeat: RepeatOption = 1, record: RecordOption = None, replay: ReplayOption = None, yes: YesOption = False,
    set_: SetOption = None, config: ConfigOption = None, json: JsonOption = False,
) -> None:
    """Put a folder's recorded questions to the configured server with one system text or two.

    Every answer is read as in a run; nothing is traded. What it can cost at most is said first.
    """
    from fabio.cli.failures import BadUsage
    from fabio.cli.output import print_json
    from fabio.settings.load import load

    if record is not None and replay is not None:
        raise BadUsage("--record and --replay do not go together: a replay asks nobody")
    settings = load(config=config, overrides=set_ or ())
    questions = _questions(logs, settings, most)
    texts = _prompts(a, b, questions, settings)
    if replay is None:
        answer = _ask_server(settings, questions, texts, repeat, record, yes)
    else:
        answer = _replay(settings, questions, texts, repeat, replay)
    if json:
        print_json(answer)
        return
    _print(answer)


def _questions(logs: Path, settings: "Settings", most: int) -> "list[RecordedQuestion]":
    from fabio.cli.failures import Failed, NotFound
    from fabio.research.exchanges.questions import QuestionsUnreadable, read_questions
    from fabio.runtime.wiring import instrument_of

    path = logs / "llm_exchanges.jsonl"
    if not path.is_file():
        raise NotFound(f"no llm_exchanges.jsonl in {logs}: name a folder of records with --logs")
    try:
        questions = read_questions(path, lambda symbol: instrument_of(settings, symbol), most)
    except QuestionsUnreadable as error:
        raise Failed(str(error)) from None
    if not questions:
        raise NotFound(f"{path} holds no question yet")
    return questions


def _prompts(
    a: Path | None, b: Path | None, questions: "list[RecordedQuestion]", settings: "Settings",
) -> "list[Prompt]":
    import hashlib

    from fabio.regime.prompt import PROMPT_VERSION, system_text
    from fabio.research.exchanges.prompts import Prompt, strategies_of

    shipped = system_text(strategies_of(questions), settings.bounds, settings.regime.thresholds)
    found = []
    for name, path in (("a", a), ("b", b)):
        if path is not None:
            text = _text(path)
            found.append(Prompt(name=name, version=f"file-{hashlib.sha256(text.encode()).hexdigest()[:8]}", text=text))
        elif name == "a" or a is not None:
            found.append(Prompt(name=name, version=PROMPT_VERSION, text=shipped))
    return found


def _text(path: Path) -> str:
    from fabio.cli.failures import BadUsage, NotFound

    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadUsage(f"{path} is no UTF-8 from byte {error.start} on") from None
    if not text.strip():
        raise BadUsage(f"{path} is empty; expected a system text")
    return text


def _ask_server(
    settings: "Settings", questions: "list[RecordedQuestion]", prompts: "list[Prompt]", repeat: int,
    record: Path | None, yes: bool,
) -> dict[str, Any]:
    import asyncio
    from decimal import Decimal

    from fabio.adapters.llm.asking import Model
    from fabio.adapters.llm.client import warm_up
    from fabio.adapters.llm.recorder import Recorder
    from fabio.adapters.redact import Redactor
    from fabio.cli.output import say
    from fabio.research.exchanges.prompts import Manner, ask_of, compare
    from fabio.runtime.adviser import reserve_for
    from fabio.runtime.advising import open_model
    from fabio.runtime.answering import OPENAI, chosen_model

    chosen_model(settings, OPENAI)
    warm_up()
    model = open_model(settings, None)
    plain = Manner(bounds=settings.bounds, deadline_s=settings.model.answer_timeout_s)
    reserves = [reserve_for(model.most_cost(ask_of(question, each, plain)))
                for question in questions for each in prompts]
    _consent(model, len(reserves) * repeat, sum(reserves, Decimal(0)) * repeat, yes)
    manner = Manner(bounds=plain.bounds, deadline_s=plain.deadline_s, allowance_usd=max(reserves) or None)
    asked: Model = model
    if record is not None:
        keys = [key.get_secret_value() for key in (settings.openai.api_key, settings.topstepx.api_key) if key]
        asked = Recorder(model, record, model.terms, Redactor(keys))

    async def run() -> dict[str, Any]:
        try:
            return await compare(questions, prompts, asked, manner, repeat, say)
        finally:
            await model.aclose()

    answer = {"server": model.address, "model": model.terms.model, **asyncio.run(run())}
    if isinstance(asked, Recorder) and asked.lost:
        say(f"{asked.lost} replies could not be written to {record}")
    return answer


def _consent(model: "OpenAIModel", calls: int, most_usd: "Decimal", yes: bool) -> None:
    """Say what it can cost at most; ask a person where it can cost anything."""
    import sys

    from fabio.cli.failures import Refused
    from fabio.cli.output import say

    if not most_usd:
        say(f"{calls} questions to {model.terms.model} at {model.address}: nothing is billed")
        return
    say(f"{calls} questions to {model.terms.model} at {model.address}: at most {most_usd:.4f} USD, "
        "with the longest answers and every second attempt")
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("this costs money and nobody is there to ask: give --yes, or fewer with --most")
    if not typer.confirm("Go on?", err=True):
        raise Refused("nothing was asked")


def _replay(
    settings: "Settings", questions: "list[RecordedQuestion]", prompts: "list[Prompt]", repeat: int, replay: Path,
) -> dict[str, Any]:
    import asyncio

    from fabio.adapters.llm.asking import Terms
    from fabio.adapters.llm.replayer import Replayer
    from fabio.cli.failures import NotFound
    from fabio.cli.output import say
    from fabio.research.exchanges.prompts import Manner, compare

    terms = Terms(model=settings.openai.model, max_output_tokens=settings.model.answer_tokens)
    try:
        replayer = Replayer(replay, terms)
    except OSError as error:
        raise NotFound(f"{replay} cannot be read: {error.strerror}") from None
    answer = {"server": str(replay), "model": terms.model, **asyncio.run(
        compare(questions, prompts, replayer, Manner(bounds=settings.bounds), repeat, say))}
    if replayer.missed:
        say(f"{replayer.missed} questions are not in {replay}: other questions, text or model than then")
    if replayer.damaged_lines:
        say(f"{replayer.damaged_lines} lines of {replay} cannot be read")
    return answer


def _print(answer: dict[str, Any]) -> None:
    from fabio.cli.rows import print_rows
    from fabio.research.exchanges.prompts import compare_rows

    typer.echo(f"{answer['questions']} recorded questions, {answer['repeat']} times each, to {answer['model']} at "
               f"{answer['server']}")
    print_rows(*compare_rows(answer))
    for pair, share in answer["same_label"].items():
        typer.echo(f"{pair}: " + ("no question that both answered" if share is None else f"{share:.1%} the same label"))
    if answer["differing"]:
        print_rows(list(answer["differing"][0]), [list(each.values()) for each in answer["differing"]])
