"""What a turn comes to once the brain has answered, and what the next message of the conversation then finds; pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot import saying, tongues
from bot.apply import Plan, pack
from bot.brain import TurnReply
from bot.tongues import Spoken
from core.model import Lease
from faq.responses import Renderer
from faq.search import Found


def of_brain(reply: TurnReply, found: Found | None, spoken: Spoken, renderer: Renderer) -> Plan:
    """The plan of a reply, in the language that it leaves the conversation in."""
    locale = spoken.after(reply.effects).locale
    say = saying.honest(reply.say, found)
    return Plan(
        say=tuple(saying.matched(words, found) for words in saying.rendered(say, locale, renderer)),
        effects=reply.effects,
        state=pack(reply.state),
        spoken=spoken,
        outcome=reply.decision.label,
        missed=saying.missed(say, found, spoken.language),
    )


def after(held: Lease, plan: Plan, visit: int, now: datetime) -> Lease:
    """The lease as the next message of the same conversation finds it."""
    return replace(
        held,
        state=plan.state,
        spoken=plan.spoken.language,
        script=plan.spoken.script,
        language=tongues.switched(plan.effects) or held.language,
        visit=visit,
        last_at=now,
        outcome=plan.outcome,
        offered=(),
    )
