"""Two system texts side by side: recorded questions put to one server with each, every answer read as in a run.

Asked one at a time and by turns, so that a server's good and bad minutes meet both alike. Nothing is
traded and nothing remembered; with a recording nothing is asked either.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import combinations
from typing import Any

import msgspec

from fabio.adapters.llm.asking import Ask, Model, Reply
from fabio.regime.answer import AnswerContext, read_answer
from fabio.regime.bounds import DEFAULT_BOUNDS, AnswerBounds
from fabio.regime.prompt import answer_schema, user_text
from fabio.research.exchanges.costs import counted, quantile, reason_word
from fabio.research.exchanges.questions import RecordedQuestion

SAMPLE_MOST = 10


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A system text by its name.

    Parameters
    ----------
    version
        Goes into a recording's key, and to servers that remember a prefix.
    """

    name: str
    version: str
    text: str

    @property
    def hash(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How every question is put, whichever the prompt.

    Parameters
    ----------
    allowance_usd
        The most that one question may cost; None where nothing is billed.
    """

    bounds: AnswerBounds = DEFAULT_BOUNDS
    deadline_s: float = 20.0
    allowance_usd: Decimal | None = None


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one question.

    Parameters
    ----------
    label
        The label with its direction, None where there was no usable answer, for `reason`.
    """

    label: str | None
    reason: str
    reply: Reply


def ask_of(question: RecordedQuestion, prompt: Prompt, manner: Manner) -> Ask:
    """Write the question as a run does, behind this prompt."""
    return Ask(
        system=prompt.text, user=user_text(question.body, question.request_hash),
        schema=answer_schema(tuple(question.states)), schema_name="assessment", request_hash=question.request_hash,
        prompt_version=prompt.version, allowance_usd=manner.allowance_usd, deadline_s=manner.deadline_s,
    )


async def compare(
    questions: Sequence[RecordedQuestion], prompts: Sequence[Prompt], model: Model, manner: Manner, repeat: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Put every question with every prompt, `repeat` times, and sum up.

    Returns
    -------
    dict
        `questions`, `repeat`; `prompts` by name; `same_label` (a share) of every two prompts, over questions
        that both answered at their first time; `differing`: the first few where they did not.
    """
    answers: dict[str, list[list[Answered]]] = {prompt.name: [] for prompt in prompts}
    for number, question in enumerate(questions, 1):
        given: dict[str, list[Answered]] = {prompt.name: [] for prompt in prompts}
        for _ in range(repeat):
            for prompt in prompts:
                reply = await model.ask(ask_of(question, prompt, manner))
                given[prompt.name].append(_read(question, reply, manner.bounds))
        for name, each in given.items():
            answers[name].append(each)
        if number % 10 == 0 or number == len(questions):
            say(f"{number} of {len(questions)} questions asked")
    rules = [question.rules_label for question in questions]
    return {
        "questions": len(questions),
        "repeat": repeat,
        "prompts": {
            prompt.name: {"hash": prompt.hash, "version": prompt.version, **_summed(answers[prompt.name], rules)}
            for prompt in prompts
        },
        **_between(questions, prompts, answers),
    }


def _read(question: RecordedQuestion, reply: Reply, bounds: AnswerBounds) -> Answered:
    if reply.failure is not None or reply.text is None:
        return Answered(label=None, reason="empty" if reply.failure is None else reply.failure.reason, reply=reply)
    reading = read_answer(reply.text, AnswerContext(
        instrument=question.instrument, last_ticks=question.last_ticks, states=question.states,
        request_hash=question.request_hash, body=question.body, bounds=bounds, positions=question.positions,
        source=reply.model,
    ))
    said = reading.assessment
    if said is None:
        return Answered(label=None, reason=reason_word(reading.reason), reply=reply)
    return Answered(label=said.regime if said.direction == "none" else f"{said.regime} {said.direction}", reason="",
                    reply=reply)


def _summed(answers: Sequence[Sequence[Answered]], rules: Sequence[str]) -> dict[str, Any]:
    every = [answered for each in answers for answered in each]
    usable = [answered for answered in every if answered.label is not None]
    like_rules = sum(answered.label == label for each, label in zip(answers, rules, strict=True) for answered in each)
    latencies_s = [answered.reply.latency_s for answered in every]
    usages = [answered.reply.usage for answered in every if answered.reply.usage is not None]
    return {
        "asked": len(every),
        "valid": len(usable),
        "valid_share": _share(len(usable), len(every)),
        "reasons": counted(answered.reason for answered in every if answered.label is None),
        "labels": counted(str(answered.label) for answered in usable),
        "agrees_with_rules": _share(like_rules, len(usable)),
        "agrees_with_itself": _with_itself(answers),
        "latency_s": {"median": quantile(latencies_s, 0.5), "p95": quantile(latencies_s, 0.95)},
        "tokens": {kind: sum(getattr(usage, kind) for usage in usages)
                   for kind in ("input", "cached", "output", "reasoning")},
        "cost_usd": float(sum((answered.reply.cost_usd for answered in every), Decimal(0))),
        "models": counted(answered.reply.model for answered in every),
    }


def _with_itself(answers: Sequence[Sequence[Answered]]) -> float | None:
    """Give the share of pairs of answers to one question that have one label; None where none was asked twice."""
    pairs = [(one.label, other.label) for each in answers for one, other in combinations(each, 2)
             if one.label is not None and other.label is not None]
    return _share(sum(one == other for one, other in pairs), len(pairs))


def _between(
    questions: Sequence[RecordedQuestion], prompts: Sequence[Prompt], answers: Mapping[str, list[list[Answered]]],
) -> dict[str, Any]:
    same: dict[str, float | None] = {}
    differing: list[dict[str, Any]] = []
    for one, other in combinations([prompt.name for prompt in prompts], 2):
        both = [(question, first[0].label, second[0].label)
                for question, first, second in zip(questions, answers[one], answers[other], strict=True)
                if first[0].label is not None and second[0].label is not None]
        same[f"{one}/{other}"] = _share(sum(label == second for _, label, second in both), len(both))
        differing += [{"id": question.ask_id, "rules": question.rules_label, one: label, other: second}
                      for question, label, second in both if label != second]
    return {"same_label": same, "differing": differing[:SAMPLE_MOST]}


def _share(count: int, of: int) -> float | None:
    return count / of if of else None


def compare_rows(answer: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Lay the prompts out side by side."""
    prompts = answer["prompts"]
    lines: list[tuple[str, Callable[[Any], Any]]] = [
        ("text", lambda told: told["hash"][:12]),
        ("asked", lambda told: str(told["asked"])),
        ("valid answers", lambda told: f"{told['valid']} ({_percent(told['valid_share'])})"),
        ("refused", lambda told: ", ".join(f"{why} {count}" for why, count in told["reasons"].items()) or "none"),
        ("agrees with the rules", lambda told: _percent(told["agrees_with_rules"])),
        ("agrees with itself", lambda told: _percent(told["agrees_with_itself"])),
        ("latency median, p95", lambda told: f"{_seconds(told['latency_s']['median'])}, "
                                             f"{_seconds(told['latency_s']['p95'])}"),
        ("tokens in (cached), out", lambda told: f"{told['tokens']['input']} ({told['tokens']['cached']}), "
                                                 f"{told['tokens']['output']}"),
        ("cost", lambda told: f"{told['cost_usd']:.4f} USD"),
        ("labels", lambda told: ", ".join(f"{label} {count}" for label, count in told["labels"].items())),
    ]
    return ["", *prompts], [[name, *(show(told) for told in prompts.values())] for name, show in lines]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def strategies_of(questions: Sequence[RecordedQuestion]) -> tuple[str, ...]:
    """Give every strategy that a question tells of, by name."""
    return tuple(sorted({name for question in questions for name in question.states}))
