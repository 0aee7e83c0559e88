"""The runner itself: a third channel is one file and one table, and a table or a channel with a hole fails by name.

A house of its own is built in a temporary folder, with more kinds made from the webhook's two files, each with another
hole; the real test_tables.py is run there once, and every hole must have been found by the runner alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from core.errors import BadSignature
from core.model import Sent
from tests.channels import webhook_cases
from tests.channels.table import Fails, Receives, Sends, Table, problems, reply

ROOT = Path(__file__).parents[2]
TABLE: Table = webhook_cases.TABLE

# Holes in tables: kind → code at the end of its table; None: no table at all.
TABLES = {
    "complete": "",
    "tableless": None,
    "no_unsupported": 'TABLE = replace(TABLE, receives=[c for c in RECEIVES if "unsupported" not in c.label])',
    "no_200_error": 'TABLE = replace(TABLE, sends=[c for c in SENDS if "200 but" not in c.label])',
}
# Holes in channels: kind → what stands in webhook.py, what stands there instead.
CHANNELS = {
    "unverified": ("self._verify(request)\n", "pass\n"),
    "unjudged": ("_judge(answer)\n", "pass\n"),
    "other_request": ('"to": message.address,', '"to": "",'),
    "one_request_more": (
        "_judge(answer)\n",
        "_judge(answer)\n            await self._http.post(self._config.callback_url"
        ", body=b'', headers={}, within=1)\n",
    ),
    "no_request": ("rest(message, parts)", "rest(message, parts[:0])"),
    "logs_secret": ("_judge(answer)\n", "_judge(answer); print(self._config.secret.get_secret_value())\n"),
    "logs_text": ("_judge(answer)\n", "__import__('logging').getLogger().debug(message.text)\n"),
    "repr_secret": ('f"Webhook({self.id!r})"', 'f"Webhook({self._config.secret.get_secret_value()})"'),
    "lax_config": ("    secret: SecretStr", "    model_config = {'extra': 'ignore'}\n    secret: SecretStr"),
    "lax_json": ("read_object(request.body)", "__import__('json').loads(request.body)"),
    "elsewhere": ("self._config.callback_url, body", '"http://192.0.2.1/", body'),
    "misnamed": ('kind: ClassVar[str] = "misnamed"', 'kind: ClassVar[str] = "webhook"'),
}
FEWEST = """
from tests.channels.table import INCOMING, OUTGOING
TABLE = replace(
    TABLE,
    receives=[next(c for c in RECEIVES if c.label.partition(":")[0] == must) for must in INCOMING],
    sends=[next(c for c in SENDS if c.label.partition(":")[0] == must) for must in OUTGOING],
)
"""
DELIVERY, MESSAGE = "test_a_delivery_becomes_exactly_these_events", "test_a_message_makes_exactly_these_requests"
FOUND = [  # kind · the test that must fail · what it must say
    ("tableless", "test_every_kind_has_a_case_table[tableless]", "write tests/channels/tableless_cases.py"),
    (
        "no_unsupported",
        "test_every_must_have_case_is_in_the_table[no_unsupported-unsupported]",
        'no_unsupported: the incoming case "unsupported" is missing',
    ),
    (
        "no_200_error",
        "test_every_must_have_case_is_in_the_table[no_200_error-200 but error]",
        'no_200_error: the outgoing case "200 but error" is missing',
    ),
    ("unverified", f"{DELIVERY}[unverified: bad signature: none]", "DID NOT RAISE"),
    ("unverified", "test_a_delivery_without_its_signature_is_refused[unverified: text]", ""),
    ("unjudged", f"{MESSAGE}[unjudged: 200 but error]", ""),
    ("unjudged", f"{MESSAGE}[unjudged: contact stopped]", ""),
    ("other_request", f"{MESSAGE}[other_request: plain]", "body: sent"),
    ("one_request_more", f"{MESSAGE}[one_request_more: plain]", "one request too many"),
    ("no_request", f"{MESSAGE}[no_request: plain]", "1 promised requests were not made"),
    ("logs_secret", f"{MESSAGE}[logs_secret: plain]", "in the logs"),
    ("logs_text", f"{MESSAGE}[logs_text: plain]", "in the logs"),
    ("repr_secret", "test_a_config_and_its_channel_show_no_secret[repr_secret]", "a secret is shown"),
    ("lax_config", "test_an_unknown_config_key_is_refused_by_name[lax_config]", ""),
    ("lax_json", "test_garbage_is_refused_with_an_error_of_ours[lax_json]", ""),
    ("elsewhere", f"{MESSAGE}[elsewhere: plain]", "left loopback"),
    ("misnamed", "test_a_channel_is_of_the_kind_its_file_names[misnamed]", ""),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every test of the other house and what it failed with, "" if it passed."""
    house = tmp_path_factory.mktemp("house")
    unwanted = shutil.ignore_patterns("__pycache__", "test_[!t]*", "test_text.py")
    shutil.copytree(ROOT / "channels", house / "channels", ignore=unwanted)
    shutil.copytree(ROOT / "tests" / "channels", house / "tests" / "channels", ignore=unwanted)
    (house / "tests" / "__init__.py").touch()
    (house / "core").symlink_to(ROOT / "core")
    for kind in (*TABLES, *CHANNELS):
        _add_kind(house, kind)
    options = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/channels/test_tables.py", "--junitxml=report.xml", *options],
        cwd=house,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    cases = ElementTree.parse(house / "report.xml").iter("testcase")
    return {case.attrib["name"]: " ".join(f"{e.get('message')} {e.text}" for e in case) for case in cases}


def _add_kind(house: Path, kind: str) -> None:
    channel = (ROOT / "channels" / "webhook.py").read_text().replace('"webhook"', f'"{kind}"')
    right, wrong = CHANNELS.get(kind, ("", ""))
    assert right in channel
    (house / "channels" / f"{kind}.py").write_text(channel.replace(right, wrong) if right else channel)
    if (end := TABLES.get(kind, FEWEST)) is not None:
        table = (ROOT / "tests" / "channels" / "webhook_cases.py").read_text().replace('"webhook"', f'"{kind}"')
        (house / "tests" / "channels" / f"{kind}_cases.py").write_text(f"{table}\n{end}\n")


def _of(report: dict[str, str], kind: str) -> dict[str, str]:
    return {name: failure for name, failure in report.items() if f"[{kind}" in name}


def test_a_third_kind_with_its_table_passes_and_nothing_else_was_edited(report: dict[str, str]) -> None:
    mine = _of(report, "complete")
    assert len(mine) > 100
    assert not [name for name, failure in mine.items() if failure]


@pytest.mark.parametrize(("kind", "test", "says"), FOUND, ids=[f"{kind}: {test}" for kind, test, _ in FOUND])
def test_a_hole_is_found_by_the_runner_alone(report: dict[str, str], kind: str, test: str, says: str) -> None:
    failure = _of(report, kind)[test]
    assert failure
    assert says in failure


def test_what_has_no_hole_passes(report: dict[str, str]) -> None:
    assert not [name for kind in ("web", "webhook") for name, failure in _of(report, kind).items() if failure]


def one_in(case: Receives) -> Table:
    kept = [c for c in TABLE.receives if c.label != case.label]
    return replace(TABLE, receives=(*kept, case))


def one_out(case: Sends) -> Table:
    kept = [c for c in TABLE.sends if c.label != case.label]
    return replace(TABLE, sends=(*kept, case))


RECEIVED = {c.label: c for c in TABLE.receives}
SENT = {c.label: c for c in TABLE.sends}


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (one_in(replace(RECEIVED["text"], events=())), 'case "text" does not show it'),
        (one_in(replace(RECEIVED["attachment"], events=RECEIVED["text"].events)), '"attachment" does not show it'),
        (one_in(replace(RECEIVED["malformed"], raises=BadSignature)), 'case "malformed" does not show it'),
        (one_in(replace(RECEIVED["unsupported"], kept=())), 'case "unsupported" does not show it'),
        (one_in(replace(RECEIVED["duplicate"], again=None)), 'case "duplicate" does not show it'),
        (one_in(replace(RECEIVED["payload"], ack=None)), 'case "payload" does not say how the delivery is ack'),
        (one_out(replace(SENT["throttled"], raises=SENT["refused"].raises)), '"throttled" does not end as throttled'),
        (
            one_out(replace(SENT["refused"], raises=Fails(code="refused", retryable=True))),
            'case "refused" does not end as refused',
        ),
        (
            one_out(replace(SENT["200 but error"], wire=(webhook_cases.SHORT_OUT >> reply(500),))),
            'case "200 but error" does not show a 200',
        ),
        (one_out(replace(SENT["plain"], result=None)), 'case "plain" does not send'),
        (one_out(replace(SENT["long text"], result=None)), 'case "long text" says not how it ends'),
        (
            one_out(replace(SENT["long text"], result=Sent(), raises=SENT["refused"].raises)),
            'case "long text" says not how it ends',
        ),
        (replace(TABLE, receives=(*TABLE.receives, RECEIVED["text"])), 'two cases are called "text"'),
        (replace(TABLE, exempt={"text": "there is no text here"}), 'case "text" is both in the table and exempt'),
        (replace(TABLE, exempt={"texts": "there is no text here"}), 'exempt "texts" is not a must-have case'),
        (replace(TABLE, exempt={"unsigned": "no"}), 'exempt "unsigned" needs its reason in words'),
    ],
)
def test_a_case_must_show_what_its_label_says(table: Table, problem: str) -> None:
    assert problems("webhook", TABLE) == []
    assert any(problem in p for p in problems("webhook", table)), problems("webhook", table)
