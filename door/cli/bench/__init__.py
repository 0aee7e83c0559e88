"""`bench`: how fast the house is, and what it keeps when it is killed; with a stub brain and a platform of our own.

And what must be right whatever is thrown at it: legal time limits, and the hiding of personal numbers.
"""

from __future__ import annotations

import asyncio
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from door.cli.common import Json, called_from, dump, say, table
from door.cli.exits import Exit, fail
from door.cli.setup.steps import ROOT

app = typer.Typer(no_args_is_help=True, help="Measure the house, and kill it on purpose.")


class Channel(StrEnum):
    WEBHOOK = "webhook"
    WEB = "web"


class Database(StrEnum):
    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


Keep = Annotated[bool, typer.Option("--keep", help="Leave the run's folder (ledger, logs) behind.")]


@app.command()
def core(
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Length of one interval of load.")] = 10.0,
    channel: Annotated[Channel, typer.Option(help="The road that messages take.")] = Channel.WEBHOOK,
    encoder: Annotated[str, typer.Option(help="As the setting; embedded adds the cost of reading.")] = "none",
    keep: Keep = False,
    as_json: Json = False,
) -> None:
    """Accepts, replies, latencies and CPU per message, beside their targets. Exit 1 if anything was lost or doubled."""
    from door.cli.bench import speed
    from door.cli.bench.figures import Figure, show

    _only_on_linux()
    result = asyncio.run(speed.measure(seconds, channel.value, encoder=encoder, keep=keep, tell=say))
    if as_json:
        dump(result)
    else:
        show("The house under load", [Figure(**f) for f in result["figures"]])
        _tell(result)
    _end(result)


@app.command()
def faults(
    rounds: Annotated[int, typer.Option(min=1, max=10_000, help="How often something is killed or cut.")] = 200,
    seed: Annotated[int, typer.Option(help="The same seed draws the same blows.")] = 1,
    database: Annotated[Database, typer.Option(help="postgresql: its connection is cut instead.")] = Database.SQLITE,
    keep: Keep = False,
    as_json: Json = False,
) -> None:
    """SIGKILL of the house and of the brain under load, then of the house at each step of filing a complaint. Exit 1 if
    anything was lost, doubled or out of order."""
    from door.cli.bench import blows, filing

    _only_on_linux()
    if database is Database.POSTGRESQL:
        from door.cli.bench.postgres import MISSING, postgres_bin

        if postgres_bin() is None:
            fail(Exit.AWAY, MISSING)
    result = asyncio.run(blows.strike(rounds, seed, database.value, keep=keep, tell=say))
    result["filing"] = asyncio.run(filing.strike_everywhere(database.value, tell=say))
    result["passed"] = result["passed"] and result["filing"]["passed"]
    if as_json:
        dump(result)
    else:
        rows = [(r["stage"], r["house"], r["brain"], r.get("cut", "")) for r in result["stages"]]
        table(["Stage", "House killed", "Brain killed", "Connection cut"], rows, empty="nothing was struck")
        say(f"Rounds: {result['rounds']}, {result['aimed']} of them aimed; restarts (s): {result['restart_seconds']}")
        say(f"Never struck: {result['never_struck'] or 'none'}")
        say(f"Sent again after an unknown end: {result['resent_after_unknown']}; parked: {result['parked']}")
        say(f"Filed under {result['filing']['filed']} blows; checks (all must be 0): {result['filing']['checks']}")
        _tell(result)
    _end(result)


@app.command("faq")
def answers(
    compare: Annotated[
        bool, typer.Option("--compare", help="Words, encoders and both instead, on the held-out questions.")
    ] = False,
    folder: Annotated[Path | None, typer.Option(help="Compare on the question files (*.tsv) of this folder.")] = None,
    as_json: Json = False,
) -> None:
    """Milliseconds of one question on one thread at 84 entries, 10,000 and 100,000 phrasings; memory and build time."""
    from door.cli.bench import faq as measuring
    from door.cli.bench.figures import Figure, show

    if compare:
        place = called_from(folder) if folder else ROOT / "tests" / "faq" / "held_out"
        result = measuring.compare(place, tell=say)
        if as_json:
            dump(result)
        else:
            measuring.tell_compared(result)
        _end(result)
        return
    _only_on_linux()
    result = measuring.measure(tell=say)
    if as_json:
        dump(result)
    else:
        show("One question, encoding included", [Figure(**f) for f in result["figures"]])
        columns = ("texts", "entries", "p50", "p95", "p99", "memory_mib", "encode_seconds", "build_seconds")
        rows = [[(row | row["ms"])[name] for name in columns] for row in result["sizes"]]
        table([name.replace("_", " ") for name in columns], rows, empty="nothing was measured")
        say(f"Machine: {result['machine']}")
    _end(result)


@app.command("deadlines")
def clocks(
    cases: Annotated[int, typer.Option(min=1, max=10_000_000, help="How many random clocks are counted.")] = 120_000,
    seed: Annotated[int, typer.Option(help="The same seed draws the same cases.")] = 1,
    as_json: Json = False,
) -> None:
    """Legal time limits beside a second, naive reading of the same rules. Exit 1 if they differ anywhere."""
    from door.cli.bench import deadlines as measuring

    result = measuring.measure(cases, seed, tell=say)
    if as_json:
        dump(result)
    else:
        table(["Rule", "Cases"], result["rules"].items(), empty="nothing was counted")
        table(["Edge", "Struck"], result["edges"].items(), empty="no edge was struck")
        for shown in result["shown"]:
            dump(shown)
        say(f"Differences (must be 0): {result['differences']} in {cases:,} cases, seed {seed}")
    _end(result)


@app.command("masking")
def hidden(
    texts: Annotated[int, typer.Option(min=100, max=1_000_000, help="How many messages are made up.")] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed makes up the same messages.")] = 1,
    as_json: Json = False,
) -> None:
    """Personal numbers hidden, by kind and way of writing, and nobody's numbers left. Exit 1 below the targets."""
    from door.cli.bench import masking as measuring
    from door.cli.bench.figures import Figure, show

    result = measuring.measure(texts, seed, tell=say)
    if as_json:
        dump(result)
    else:
        show("Masking", [Figure(**f) for f in result["figures"]])
        for part in ("recall", "false"):
            rows = [(name, *row.values()) for name, row in result[part].items()]
            table([part, *next(iter(result[part].values()))], rows, empty="nothing was measured")
        for shown in (*result["missed"], *result["false_masks"]):
            dump(shown)
    _end(result)


@app.command("cases")
def register(
    cases: Annotated[int, typer.Option(min=1000, max=10_000_000, help="How many cases the register has.")] = 1_000_000,
    lines: Annotated[int, typer.Option(min=0, max=1_000_000, help="Of the list that is taken in; 0: none.")] = 100_000,
    database: Annotated[Database | None, typer.Option(help="Only this one; both otherwise.")] = None,
    keep: Keep = False,
    as_json: Json = False,
) -> None:
    """Lists, search, due list and cross-tab of a full register; an import killed half way. Exit 1 if slow or wrong."""
    from door.cli.bench import cases as measuring
    from door.cli.bench.figures import Figure, show

    _only_on_linux()
    both = tuple(each.value for each in Database) if database is None else (database.value,)
    result = measuring.measure(cases, lines, both, tell=say, keep=keep)
    if as_json:
        dump(result)
    else:
        show("The register", [Figure(**f) for f in result["figures"]])
        for name, told in result["databases"].items():
            rows = [(what, line) for what, each in told["questions"].items() for line in each["plan"]]
            table([f"{name}: question", "Plan"], rows, empty="nothing was asked")
        _tell(result)
    _end(result)


@app.command("lookup")
def guessing(
    draws: Annotated[int, typer.Option(min=0, max=100_000_000, help="Guesses at the function, each way.")] = 1_000_000,
    asked: Annotated[
        int, typer.Option(min=100, max=1_000_000, help="Messages to the house, on each database.")
    ] = 10_000,
    at_once: Annotated[int, typer.Option(min=1, max=1000, help="Conversations at one case at the same time.")] = 200,
    database: Annotated[Database | None, typer.Option(help="Only this one; both otherwise.")] = None,
    as_json: Json = False,
) -> None:
    """Guessing at the status look-up: what gets through, and whether refusals can be told apart. Exit 1 if so."""
    from door.cli.bench import lookup as measuring
    from door.cli.bench.figures import Figure, show

    _only_on_linux()
    both = tuple(each.value for each in Database) if database is None else (database.value,)
    result = measuring.measure(draws, asked, at_once, both, tell=say)
    if as_json:
        dump(result)
    else:
        show("Status look-up", [Figure(**f) for f in result["figures"]])
    _end(result)


@app.command("wechat")
def official_account(
    seconds: Annotated[float, typer.Option(min=1, max=60, help="Length of each load.")] = 5.0,
    keep: Keep = False,
    as_json: Json = False,
) -> None:
    """A WeChat account at 200 messages a second, the brain stopped or slow. Exit 1 if late, unanswered or doubled."""
    import uvloop

    from door.cli.bench import wechat as measuring
    from door.cli.bench.figures import Figure, show

    _only_on_linux()
    result = uvloop.run(measuring.measure(seconds, keep=keep, tell=say))
    if as_json:
        dump(result)
    else:
        show("A WeChat account under load", [Figure(**f) for f in result["figures"]])
        _tell(result)
    _end(result)


@app.command("brain")
def against_stock(
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="Conversations of each, in turns.")] = 8,
    epochs: Annotated[int, typer.Option(min=1, max=1000, help="Of stock Rasa's training; rasa init has 100.")] = 100,
    kept: Annotated[
        bool, typer.Option("--kept", help="Compare with the stock model trained last, though the data changed since.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Our brain, alone and with the house, against stock Rasa with TensorFlow (2.5 GB, installed at the first run)."""
    import uvloop

    from door.cli.bench import brain as measuring
    from door.cli.bench import brain_stock
    from door.cli.bench.figures import Figure, show

    _only_on_linux()
    brain_stock.environment(say)
    model, same_data = brain_stock.model(epochs, kept=kept, tell=say)
    # As the house does: the standard loop lets an action's answer wait 40 ms for the kernel (Nagle).
    result = uvloop.run(measuring.measure(rounds, model, same_data=same_data, tell=say))
    if as_json:
        dump(result)
    else:
        show("Our brain against stock Rasa", [Figure(**f) for f in result["figures"]])
        measuring.tell_more(result)
        _tell(result)
    _end(result)


def _only_on_linux() -> None:
    if sys.platform != "linux":
        fail(Exit.USAGE, "the benches read /proc and signal processes as Linux does: they run nowhere else")


def _tell(result: dict[str, Any]) -> None:
    say(f"Machine: {result['machine']}")
    say(f"Checks (all must be 0): {result['checks']}")


def _end(result: dict[str, Any]) -> None:
    if not result["passed"]:
        raise typer.Exit(Exit.FOUND)
