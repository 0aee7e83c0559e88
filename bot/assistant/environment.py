"""Prepares this process before Rasa is imported: no telemetry, no TensorFlow, quiet logs, compiled bytecode."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from pathlib import Path


def prepare() -> None:
    """Call first, before any import of `rasa`."""
    # Without it the first use writes ~/.config/rasa/global.yml and reports home; the variable takes precedence.
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    os.environ["LOG_LEVEL"] = os.environ["LOG_LEVEL_LIBRARIES"] = "ERROR"  # also silences Rasa's progress bars
    # Where a machine sets PYTHONDONTWRITEBYTECODE every start would compile Rasa anew: 15 s instead of 6.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # Our products of vectors are too small for several threads, and idle ones of BLAS spin: 100 ms of CPU per turn.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    # The packages that Rasa pins warn of their own age, and reset the filters while they are imported.
    warnings.showwarning = lambda *args, **kwargs: None
    # Rasa imports matplotlib, which would keep its list of fonts under the home of whoever runs us.
    os.environ["MPLCONFIGDIR"] = str(Path(sys.prefix, "matplotlib"))
    # One of Rasa's channel packages asks git for its own version when it is imported, and would find our repository.
    os.environ["GIT_CEILING_DIRECTORIES"] = sys.prefix

    from bot.assistant import notf

    notf.install()
    from rasa.utils.log_utils import configure_structlog

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="brain %(levelname)s %(name)s: %(message)s")
    # structlog would render every debug line of every message before dropping it: a third of the throughput.
    configure_structlog(logging.WARNING)
    # It would log an action's failure a second time, and say that the bot continues: processor.py ends the turn.
    logging.getLogger("rasa.core.processor").setLevel(logging.CRITICAL)
