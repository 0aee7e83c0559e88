"""There is a sentence for every state of a case and for every reason of a refusal."""

from __future__ import annotations

from cases.states import REFUSALS, State
from faq.case_sentences import NEEDED


def test_every_state_and_every_reason_has_its_sentence() -> None:
    assert {key for key in NEEDED if key.startswith("case.state.")} == {f"case.state.{state}" for state in State}
    assert {key for key in NEEDED if key.startswith("case.refused.")} == {f"case.refused.{n}" for n in REFUSALS}
