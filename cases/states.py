"""What may happen to a case: the one table of transitions, and which clock runs meanwhile; pure.

Overdue is no state: it is asked of the clocks. Whether an act is allowed and what it needs is decided here and nowhere
else; `cases.register` writes down what this module says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from core.errors import QiantaiError


class State(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    SUPPLEMENT_REQUESTED = "supplement_requested"
    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not_accepted"
    REFERRED_OUT = "referred_out"
    FORWARDED = "forwarded"
    OWN_HANDLING = "own_handling"
    IN_PROGRESS = "in_progress"
    EXTENDED = "extended"
    PAUSED = "paused"
    MEDIATION = "mediation"
    AGREED = "agreed"
    FAILED = "failed"
    REPLIED = "replied"
    FOLLOW_UP = "follow_up"
    CLOSED = "closed"
    REOPENED = "reopened"
    WITHDRAWN = "withdrawn"
    MERGED = "merged"


class Act(StrEnum):
    """What somebody does to a case."""

    SUBMIT = "submit"
    REQUEST_SUPPLEMENT = "request_supplement"
    SUPPLEMENT = "supplement"  # all that was asked for is there
    ACCEPT = "accept"
    REFUSE = "refuse"
    REFER = "refer"
    FORWARD = "forward"
    HANDLE = "handle"  # by the hotline itself
    START = "start"
    EXTEND = "extend"
    PAUSE = "pause"
    RESUME = "resume"
    MEDIATE = "mediate"
    AGREE = "agree"
    FAIL = "fail"
    REPLY = "reply"
    VISIT = "visit"
    CLOSE = "close"
    REOPEN = "reopen"
    WITHDRAW = "withdraw"
    MERGE = "merge"


S = State
ENDED = frozenset({S.NOT_ACCEPTED, S.REFERRED_OUT, S.CLOSED, S.WITHDRAWN, S.MERGED})
OPEN = frozenset(State) - ENDED


class IllegalAct(QiantaiError):
    """This cannot be done to the case as it stands."""

    code = "illegal_act"
    status = 409


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """Where an act leads, from which states, and the facts it cannot do without."""

    before: frozenset[State]
    after: State
    needs: tuple[str, ...] = ()


def _from(*before: State, to: State, needs: tuple[str, ...] = ()) -> Transition:
    return Transition(before=frozenset(before), after=to, needs=needs)


_WHERE_TO = ("reason", "where_to", "text")  # the consumer is told why, and who can help
TRANSITIONS: Mapping[Act, Transition] = {
    Act.SUBMIT: _from(S.DRAFT, to=S.SUBMITTED),
    Act.REQUEST_SUPPLEMENT: _from(S.SUBMITTED, to=S.SUPPLEMENT_REQUESTED, needs=("text",)),
    Act.SUPPLEMENT: _from(S.SUPPLEMENT_REQUESTED, to=S.SUBMITTED),
    Act.ACCEPT: _from(S.SUBMITTED, S.REOPENED, to=S.ACCEPTED),
    Act.REFUSE: _from(S.SUBMITTED, S.REOPENED, to=S.NOT_ACCEPTED, needs=_WHERE_TO),
    Act.REFER: _from(S.SUBMITTED, S.ACCEPTED, S.REOPENED, to=S.REFERRED_OUT, needs=_WHERE_TO),
    Act.FORWARD: _from(S.ACCEPTED, to=S.FORWARDED, needs=("institution_id",)),
    Act.HANDLE: _from(S.ACCEPTED, to=S.OWN_HANDLING),
    Act.START: _from(S.FORWARDED, S.FAILED, to=S.IN_PROGRESS),
    # The consumer is told of a longer time and of one that does not count (R6, R13): `text` is what they were told.
    Act.EXTEND: _from(S.IN_PROGRESS, S.EXTENDED, to=S.EXTENDED, needs=("total", "approver", "reason", "text")),
    Act.PAUSE: _from(S.IN_PROGRESS, S.EXTENDED, to=S.PAUSED, needs=("reason", "text")),
    Act.RESUME: _from(S.PAUSED, to=S.IN_PROGRESS),
    Act.MEDIATE: _from(S.ACCEPTED, S.IN_PROGRESS, S.EXTENDED, to=S.MEDIATION),
    Act.AGREE: _from(S.MEDIATION, to=S.AGREED, needs=("text",)),
    Act.FAIL: _from(S.MEDIATION, to=S.FAILED, needs=("reason",)),
    Act.REPLY: _from(S.IN_PROGRESS, S.EXTENDED, S.OWN_HANDLING, to=S.REPLIED, needs=("text",)),
    Act.VISIT: _from(S.REPLIED, to=S.FOLLOW_UP),
    Act.CLOSE: _from(S.FOLLOW_UP, S.AGREED, S.FAILED, to=S.CLOSED, needs=("result",)),
    Act.REOPEN: _from(S.CLOSED, to=S.REOPENED, needs=("new_facts",)),
    Act.WITHDRAW: Transition(before=OPEN, after=S.WITHDRAWN),
    Act.MERGE: Transition(before=OPEN - {S.DRAFT}, after=S.MERGED, needs=("into",)),
}

# Reasons for which a complaint is not accepted (R7).
REFUSALS = ("N1", "N2", "N3", "N4", "N5", "N6", "N7")

ANY = "*"


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """A stretch of a case's life that one clock measures: it starts on entering, and is met on leaving."""

    states: frozenset[State]
    rules: Mapping[str, str]  # by track, or ANY


def _phase(*states: State, **rules: str) -> Phase:
    return Phase(
        states=frozenset(states), rules={ANY if track == "any" else track: rule for track, rule in rules.items()}
    )


# Every state lies in one of them at least, so no case is without an end that somebody watches.
PHASES: tuple[Phase, ...] = (
    _phase(S.DRAFT, any="draft_kept"),
    # Accepting and passing on count together (R5); what is asked for meanwhile starts this clock anew.
    _phase(
        S.SUBMITTED,
        S.SUPPLEMENT_REQUESTED,
        S.ACCEPTED,
        S.REOPENED,
        pboc="pboc_decide",
        petition="petition_inform",
        any="own_decide",
    ),
    _phase(S.SUPPLEMENT_REQUESTED, any="supplement_wait"),
    _phase(
        S.FORWARDED,
        S.OWN_HANDLING,
        S.IN_PROGRESS,
        S.EXTENDED,
        S.PAUSED,
        pboc="institution_reply",
        nfra="insurer_reply",
        credit="credit_complaint",
        aml_control="aml_objection",
        petition="petition_reply",
        any="own_reply",
    ),
    _phase(S.PAUSED, any="appraisal_check"),
    _phase(S.MEDIATION, any="mediation_end"),
    _phase(S.AGREED, any="mediation_confirmation"),
    _phase(S.FAILED, any="own_decide"),
    _phase(S.REPLIED, S.FOLLOW_UP, any="follow_up"),
    _phase(*ENDED, any="retention"),
)


def step(state: State, act: Act, facts: Mapping[str, object]) -> State:
    """The state after an act; IllegalAct, which says what is possible or missing, where it cannot be done."""
    transition = TRANSITIONS[act]
    if state not in transition.before:
        possible = ", ".join(acts(state)) or "nothing"
        raise IllegalAct(f"a case that is {state} cannot be given {act}; possible: {possible}")
    if missing := [name for name in transition.needs if not facts.get(name)]:
        raise IllegalAct(f"{act} needs {', '.join(missing)}")
    if act is Act.REFUSE and facts["reason"] not in REFUSALS:
        raise IllegalAct(f"the reason of a refusal is one of {', '.join(REFUSALS)}")
    return transition.after


def acts(state: State) -> tuple[Act, ...]:
    """What can be done to a case in this state."""
    return tuple(act for act, transition in TRANSITIONS.items() if state in transition.before)


def clocks(before: State | None, after: State, track: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The rules whose clocks start and those whose are met when a case of this track goes from one state to another."""
    entered = [phase for phase in PHASES if after in phase.states and before not in phase.states]
    left = [phase for phase in PHASES if before in phase.states and after not in phase.states]
    return tuple(rule_of(phase, track) for phase in entered), tuple(rule_of(phase, track) for phase in left)


def house_rule(rule: str) -> str:
    """The limit that takes the place of one whose law is not in force: our own for the same phase, if we have one."""
    return next((phase.rules[ANY] for phase in PHASES if rule in phase.rules.values()), rule)


def rule_of(phase: Phase, track: str) -> str:
    """The rule that measures this stretch of a case of that track."""
    return phase.rules.get(track, phase.rules[ANY])
