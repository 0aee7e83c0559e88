"""Files that consumers send in a conversation, and the case that they go with."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from cases import attachments, history
from cases.attachments import File
from cases.states import ENDED
from cases.tables import complaint_case
from core import files
from core.vault import Vault

ACTOR = "consumer"


def give(conn: Connection, case_no: str, conversation_id: str, *, now: datetime) -> int:
    """Gives a case the files of the last 24 h that its consumer sent in this conversation and that are in no case yet.

    The house does not know when somebody began to tell of a complaint, and pictures often come before the first word of
    it; a day reaches over the night in which a draft rests. What is older may well belong to another matter.
    """
    return files.give(conn, conversation_id, case_no, now)


def open_case(conn: Connection, conversation_id: str) -> str:
    """The number of the conversation's newest case or draft that has not ended; "" if there is none."""
    mine = (complaint_case.c.conversation_id == conversation_id, complaint_case.c.state.not_in(sorted(ENDED)))
    query = select(complaint_case.c.case_no).where(*mine).order_by(complaint_case.c.id.desc()).limit(1)
    return conn.execute(query).scalar_one_or_none() or ""


def add(conn: Connection, vault: Vault, case_no: str, file: File, *, now: datetime) -> None:
    """Keeps a file with a case, or with the one that this was merged into; Erased if its person's data is."""
    case = history.load(conn, case_no)
    while case.merged_into is not None:
        case = history.load(conn, case.merged_into)
    attachments.add(conn, vault, case.case_no, file, actor=ACTOR, now=now)
