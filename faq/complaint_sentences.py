"""The sentences of the form that takes a complaint, with the {names} filled in beside those of the settings."""

from __future__ import annotations

from collections.abc import Mapping

_TOLD = "facts request"
_WHO = "person contact"

NEEDED: Mapping[str, str] = {
    "complaint.how": "", "complaint.intro": "", "complaint.kept": "", "complaint.from_draft": "",
    "complaint.resume": "", "complaint.away": "", "complaint.restart": "", "complaint.cancelled": "",
    "complaint.person": "", "complaint.attachment": "", "complaint.nothing_yet": "", "complaint.gone": "",
    "complaint.back": "", "complaint.first_step": "", "complaint.about": "about",
    "complaint.corrected": "", "complaint.added": "", "complaint.long": "", "complaint.change": "",
    "complaint.id_hidden": "", "complaint.yes_or_no": "",
    "complaint.anonymous": "", "complaint.as_suggestion": "", "complaint.as_enquiry": "",
    "complaint.institution_unknown": "", "complaint.invalid_institution": "", "complaint.invalid_facts": "",
    "complaint.invalid_request": "", "complaint.not_asked_first": "", "complaint.full_name": "",
    "complaint.why_name": "", "complaint.invalid_name": "", "complaint.no_contact": "", "complaint.need_contact": "",
    "complaint.invalid_contact": "", "complaint.no_consent": "", "complaint.why_consent": "",
    "complaint.behalf_proxy": "", "complaint.behalf_heir": "", "complaint.behalf_group": "",
    "complaint.cross_market": "", "complaint.route": "office number",
    "complaint.ask_institution": "", "complaint.ask_facts": "", "complaint.ask_request": "",
    "complaint.ask_prior": "", "complaint.ask_prior_reply": "", "complaint.ask_person": "",
    "complaint.ask_person.proxy": "", "complaint.ask_person.heir": "", "complaint.ask_person.reached": "",
    "complaint.ask_person.own_number": "", "complaint.ask_facts.nameless": "", "complaint.has_case": "case_no",
    "complaint.another_draft": "case_no", "complaint.another": "",
    "complaint.ask_agent": "", "complaint.ask_contact": "", "complaint.ask_consent": "",
    "complaint.read_back": f"about {_TOLD} prior {_WHO} consent",
    "complaint.read_back.acting": f"about {_TOLD} prior {_WHO} agent consent",
    "complaint.read_back.nameless": f"about {_TOLD}", "complaint.read_back.own": f"{_TOLD} {_WHO}",
}  # fmt: skip
