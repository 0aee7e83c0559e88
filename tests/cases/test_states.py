"""What may happen to a case, and that none is ever without a clock."""

from __future__ import annotations

import pytest

from cases.rules import rules
from cases.states import ENDED, OPEN, PHASES, TRANSITIONS, Act, IllegalAct, State, acts, clocks, step

FACTS = {
    "reason": "N1",
    "where_to": "12378",
    "text": "…",
    "institution_id": 1,
    "total": 30,
    "approver": "head",
    "result": "satisfied",
    "new_facts": "a receipt",
    "into": "Q2026-1",
}
TRACKS = ("pboc", "nfra", "csrc", "credit", "aml_control", "petition", "other")


def test_every_act_needs_only_what_is_known() -> None:
    assert {name for one in TRANSITIONS.values() for name in one.needs} <= FACTS.keys()


@pytest.mark.parametrize("state", State)
def test_from_every_state_exactly_the_acts_of_the_table_are_possible(state: State) -> None:
    for act in Act:
        if act in acts(state):
            assert step(state, act, FACTS) is TRANSITIONS[act].after
        else:
            with pytest.raises(IllegalAct, match="possible"):
                step(state, act, FACTS)


@pytest.mark.parametrize("act", [act for act in Act if TRANSITIONS[act].needs])
def test_an_act_without_what_it_needs_is_refused(act: Act) -> None:
    before = next(iter(TRANSITIONS[act].before))
    for name in TRANSITIONS[act].needs:
        with pytest.raises(IllegalAct, match=name):
            step(before, act, FACTS | {name: ""})


def test_a_refusal_names_one_of_the_reasons_of_the_rules() -> None:
    with pytest.raises(IllegalAct, match="N1, N2"):
        step(State.SUBMITTED, Act.REFUSE, FACTS | {"reason": "N8"})


def test_every_state_is_reached_from_a_draft_and_every_open_one_can_be_left() -> None:
    reached, new = set[State](), {State.DRAFT}
    while new:
        reached |= new
        new = {TRANSITIONS[act].after for state in new for act in acts(state)} - reached
    assert reached == set(State)
    assert all(acts(state) for state in OPEN)
    assert {state for state in ENDED if acts(state)} == {State.CLOSED}


@pytest.mark.parametrize("track", TRACKS)
def test_at_every_moment_some_clock_runs_and_each_that_starts_is_met(track: str) -> None:
    known = {row.id: row for row in rules()}
    assert {rule for phase in PHASES for rule in phase.rules.values()} <= known.keys()
    for state in State:
        assert clocks(None, state, track)[0], state
        for act in acts(state):
            after = TRANSITIONS[act].after
            running = set(clocks(None, state, track)[0])
            started, met = clocks(state, after, track)
            assert running - set(met) | set(started) == set(clocks(None, after, track)[0]), (state, act)


@pytest.mark.parametrize("track", TRACKS)
def test_no_case_meets_a_rule_of_another_track(track: str) -> None:
    known = {row.id: row for row in rules()}
    for state in State:
        for rule in clocks(None, state, track)[0]:
            assert track in known[rule].tracks, (state, rule)
