"""Numbers of identity papers as people type them: what is taken, and what is told of the rest."""

from __future__ import annotations

from datetime import date
from typing import get_args

import pytest

from cases import codes, id_numbers
from cases.id_numbers import KINDS, BadNumber, read
from faq.case_sentences import NEEDED

TODAY = date(2026, 11, 21)
CARD = "11010519491231002X"

TAKEN = [
    ("id_card", CARD, CARD),
    ("id_card", "11010519491231002x", CARD),
    ("id_card", " 110105 19491231 002X ", CARD),
    ("id_card", "110105-1949-1231-002X", CARD),
    ("id_card", "１１０１０５１９４９１２３１００２Ｘ", CARD),
    ("id_card", "110105\u300019491231\u00a0002×", CARD),
    ("id_card", "440524200101010010", "440524200101010010"),
    ("hmt_permit", "810000199408230021", "810000199408230021"),
    ("hmt_permit", "830000199201300022", "830000199201300022"),
    ("travel_permit", "H1234567802", "H1234567802"),
    ("travel_permit", "h12345678", "H12345678"),
    ("travel_permit", "M01234567", "M01234567"),
    ("travel_permit", "12345678", "12345678"),
    ("travel_permit", "0123456789B", "0123456789B"),
    ("passport", "E12345678", "E12345678"),
    ("passport", "ej 123 4567", "EJ1234567"),
    ("passport", "X0000000", "X0000000"),
    ("pr_card", "usa110105200001", "USA110105200001"),
    ("pr_card", "910105194912310029", "910105194912310029"),
    ("officer", "军字第1234567号", "军字第1234567号"),
    ("other", "AB-1234", "AB1234"),
]


@pytest.mark.parametrize(("kind", "typed", "kept"), TAKEN)
def test_a_number_is_taken_however_it_is_written(kind: str, typed: str, kept: str) -> None:
    paper = read(kind, typed, today=TODAY)
    assert (paper.kind, paper.number) == (kind, kept)
    assert kept not in repr(paper)


REFUSED = [
    ("", CARD, "kind"),
    ("organisation", "91110000100000000X", "kind"),
    ("id_card\0", CARD, "kind"),
    ("id_card", "", "empty"),
    ("id_card", " \t\u3000\n-", "empty"),
    ("id_card", CARD[:-1], "length"),
    ("id_card", CARD + "0", "length"),
    ("id_card", "110105491231002", "length"),  # cards of 15 digits ended in 2012
    ("id_card", "110105194912310021", "check"),
    ("id_card", "11010519491231003X", "check"),
    ("id_card", "110105194913310020", "birthday"),
    ("id_card", "110105194902300020", "birthday"),
    ("id_card", "110105203012310025", "birthday"),  # not born yet
    ("id_card", "440524188001010014", "birthday"),
    ("id_card", "1101051949123100XX", "shape"),
    ("id_card", "X10105194912310020", "shape"),
    ("id_card", f"{CARD}\0", "signs"),
    ("id_card", "11010519491231002✗", "signs"),
    ("id_card", "١١٠١٠٥١٩٤٩١٢٣١٠٠٢X", "signs"),
    ("id_card", "<script>alert(1)</script>", "signs"),
    ("id_card", "' OR 1=1 --", "signs"),
    ("id_card", "\ud800", "signs"),
    ("id_card", "1" * 65, "long"),
    ("id_card", "1" * 10_240, "long"),
    ("hmt_permit", CARD, "shape"),
    ("hmt_permit", "810000199408230022", "check"),
    ("travel_permit", "H1234", "shape"),
    ("travel_permit", "X12345678", "shape"),
    ("passport", "ABCDEF", "shape"),
    ("passport", "E123", "shape"),
    ("passport", "1" * 21, "shape"),
    ("pr_card", CARD, "shape"),
    ("officer", "军字第号", "shape"),
    ("other", "12", "shape"),
]


@pytest.mark.parametrize(("kind", "typed", "problem"), REFUSED)
def test_what_is_wrong_has_a_name_and_what_was_typed_is_not_repeated(kind: str, typed: str, problem: str) -> None:
    with pytest.raises(BadNumber) as refused:
        read(kind, typed, today=TODAY)
    assert refused.value.problem == problem
    assert str(refused.value) == problem


def test_every_problem_has_its_sentence_and_every_kind_its_name() -> None:
    problems = {key.removeprefix("id_page.wrong.") for key in NEEDED if key.startswith("id_page.wrong.")}
    assert problems == set(get_args(id_numbers.Problem))
    assert set(KINDS) == set(id_numbers.CHECKS) == set(codes.tables()["id_type"]) - {"organisation"}
