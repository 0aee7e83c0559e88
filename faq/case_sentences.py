"""The sentences on people's own cases, with the {names} that the house fills in beside those of the settings."""

from __future__ import annotations

from collections.abc import Mapping

_NUMBER = "case_no"
_STANDING = "case_no by"  # by: the last day of what comes next, as `case.by` puts it

NEEDED: Mapping[str, str] = {
    "case.filed": "case_no code by", "case.filed_other": "case_no code by",
    "case.no_name": "", "case.not_taken": "", "case.busy": "", "case.told": "text", "case.repeat": _NUMBER,
    "draft.saved": "case_no code by", "draft.kept": _STANDING, "draft.resumed": _NUMBER,
    "case.ask_no": "", "case.ask_code": "", "case.ask_phone": "", "case.ask_name": "", "case.ask_text": "",
    "case.ask_text.reopen": "", "case.ask_sure": _NUMBER, "case.no_wrong": "", "case.code_wrong": "",
    "case.not_a_number": "", "case.not_a_code": "", "case.not_a_phone": "", "case.not_a_name": "",
    "case.corrected": _NUMBER, "case.first_step": "", "case.back": "", "case.invalid_text": "", "case.yes_or_no": "",
    "case.lost": "", "case.resume": "", "case.number_too": "",
    "case.put_aside": "", "case.not_withdrawn": _NUMBER, "case.others": "numbers", "case.aside": "",
    "case.which": "", "case.unknown": "", "case.locked": "minutes",
    "case.by": "date days", "case.by.tomorrow": "date", "case.by.today": "date", "case.late": "date",
    "attachment.kept": "", "case.files_added": _NUMBER,
    "file.lost": "", "file.too_large": "mb", "file.not_taken": "", "file.unsafe": "", "file.too_many": "",
    "case.supplemented": _NUMBER, "case.urged": _STANDING, "case.urged_today": _STANDING, "case.withdrawn": _NUMBER,
    "case.reopened": _STANDING, "case.cannot_reopen": _NUMBER, "case.cannot": _NUMBER,
    "case.state.draft": _STANDING, "case.state.submitted": _STANDING, "case.state.supplement_requested": _STANDING,
    "case.state.accepted": _STANDING, "case.state.forwarded": _STANDING, "case.state.own_handling": _STANDING,
    "case.state.in_progress": _STANDING, "case.state.extended": _STANDING, "case.state.paused": _STANDING,
    "case.state.mediation": _STANDING, "case.state.agreed": _STANDING, "case.state.failed": _STANDING,
    "case.state.replied": _STANDING, "case.state.follow_up": _STANDING, "case.state.reopened": _STANDING,
    "case.state.not_accepted": _NUMBER, "case.state.referred_out": _NUMBER, "case.state.closed": _NUMBER,
    "case.state.withdrawn": _NUMBER, "case.state.merged": _NUMBER, "case.refused.N1": "", "case.refused.N2": "",
    "case.refused.N3": "", "case.refused.N4": "", "case.refused.N5": "", "case.refused.N6": "", "case.refused.N7": "",
    "case.filed_id": "case_no code wanted",
    "id_link.ask": "link valid by", "id_link.person": "by", "id_link.hint": "", "id_link.none": _NUMBER,
    "id_link.caution": "", "id_link.received": _STANDING, "id_link.kept": _NUMBER,
    "id_page.title": "", "id_page.lead": "", "id_page.person": "", "id_page.agent": "", "id_page.kind": "",
    "id_page.number": "", "id_page.send": "", "id_page.once": "", "id_page.why": "", "id_page.who": "",
    "id_page.caution": "", "id_page.done": "", "id_page.done.next": "", "id_page.gone": "", "id_page.gone.next": "",
    "id_page.busy": "", "id_page.busy.next": "", "id_page.wrong": "",
    "id_page.wrong.kind": "", "id_page.wrong.empty": "", "id_page.wrong.long": "", "id_page.wrong.length": "",
    "id_page.wrong.signs": "", "id_page.wrong.birthday": "", "id_page.wrong.check": "", "id_page.wrong.shape": "",
}  # fmt: skip
