"""How a command ends: exit codes with their meaning (docs/operations.md shows the same table) and the failure that
carries one. Standard library only: a damaged environment must still be able to say so."""

from enum import IntEnum
from typing import NoReturn


class Exit(IntEnum):
    """Exit codes of every `./qiantai` command, each with the sentence that documents it."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> "Exit":
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    DONE = 0, "Done."
    FOUND = 1, "The command ran and found something wrong: a failed test, a lint finding, something missing (doctor)."
    USAGE = 2, "Wrong use of the command; the message shows the right one."
    SETTINGS = 3, "The settings are not usable; every problem is listed."
    SETUP = 4, "Setting up did not finish; run the same command again, what is done is kept."
    AWAY = 5, "A server that is needed does not answer: the house, the ledger's database, the brain."
    TAKEN = 6, "The port, or the data folder, is in use by another process."
    REFUSED = 7, "Refused to protect data: wrong key, newer ledger, damaged backup, a file that would be overwritten."
    INTERNAL = 70, "A defect of Qiantai: please report the trace."
    INTERRUPTED = 130, "Stopped with Ctrl-C or a signal."


class Failure(Exception):
    """A command cannot do what it was asked; one sentence for the person, one exit code for the script."""

    def __init__(self, code: Exit, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def fail(code: Exit, sentence: str) -> NoReturn:
    raise Failure(code, sentence)
