"""`./qiantai …` in the house's environment: runs a sub-command; what goes wrong is a sentence and an exit code."""

from __future__ import annotations

import sys

from door.cli.exits import Exit, Failure

ROOMS = {"door", "bot", "actions", "channels", "desk", "cases", "faq", "core"}


def main() -> int:
    try:
        from door.cli.app import app

        app(prog_name="qiantai")
    except Exception as e:
        return _explain(e)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    return Exit.DONE


def _explain(e: Exception) -> int:
    from door.cli.setup.explain import SetupError

    if isinstance(e, Failure):
        return _tell(str(e), e.code)
    if isinstance(e, SetupError):
        return _tell(str(e), Exit.SETUP)
    if isinstance(e, ModuleNotFoundError) and (e.name or "").partition(".")[0] not in ROOMS:
        from door.cli.setup.steps import HOUSE

        # Next time the shell goes the long way and the environment is made anew.
        (HOUSE / "begun").touch()
        (HOUSE / "ready").unlink(missing_ok=True)
        return _tell(f"the house's environment is damaged ({e}): run ./qiantai setup, it mends it.", Exit.SETUP)
    return _house_error(e)


def _house_error(e: Exception) -> int:
    """Failures that the rooms have words for; anything else is a defect, shown with its trace."""
    from core.errors import LedgerBusy, QiantaiError, SettingsError, VaultError

    codes = (
        (SettingsError, Exit.SETTINGS),
        (VaultError, Exit.REFUSED),
        (LedgerBusy, Exit.AWAY),
        (QiantaiError, Exit.FOUND),
    )
    for kind, code in codes:
        if isinstance(e, kind):
            return _tell(str(e), code)
    import traceback

    traceback.print_exception(e)
    return _tell("this is a defect of Qiantai: please report the trace above.", Exit.INTERNAL)


def _tell(sentence: str, code: int) -> int:
    for line in sentence.splitlines():
        print(f"qiantai: {line}", file=sys.stderr)
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
