"""What installers print when they fail, as captured, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from door.cli.setup.explain import cause, sentence

CAPTURED = {
    "uv, no network": (
        "error: Request failed after 3 retries in 3.5s\n  cause: Failed to fetch: https://registry.example/simple/aiohttp/\n"
        "  cause: error sending request\n  cause: client error (Connect)\n  cause: tcp connect error\n"
        "  cause: Connection refused (os error 111)\n",
        "network",
    ),
    "uv, no name resolution": (
        "  cause: client error (Connect)\n  cause: dns error\n"
        "  cause: failed to lookup address information: Name or service not known\n",
        "network",
    ),
    "pip, no network, its warnings off": (
        "ERROR: Could not find a version that satisfies the requirement uv==0.13.9 (from versions: none)\n"
        "ERROR: No matching distribution found for uv==0.13.9\n",
        "network",
    ),
    "npm, no network": ("npm error   code: 'ECONNREFUSED',\nnpm error   errno: 'ECONNREFUSED',\n", "network"),
    "apt, no network": ("Err:1 http://deb.example bookworm\n  Temporary failure resolving 'deb.example'\n", "network"),
    "uv, disk full": (
        "error: Failed to install: jsonschema_rs-0.60.3.whl\n  cause: failed to copy file from /c/a to /v/a: "
        "No space left on device (os error 28)\n",
        "disk_full",
    ),
    "npm, disk full": ("npm error code ENOSPC\nnpm error syscall write\n", "disk_full"),
    "pip, disk full": (
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
        "disk_full",
    ),
    "quota": ("OSError: [Errno 122] Disk quota exceeded: '/home/a'", "disk_full"),
    "uv, read-only": (
        "error: Failed to create virtual environment\n  cause: Read-only file system (os error 30)\n",
        "not_writable",
    ),
    "Python, not allowed": ("[Errno 13] Permission denied: '/srv/qiantai/.tool'", "not_writable"),
    "uv, inspecting proxy": (
        "  cause: error sending request\n  cause: invalid peer certificate: UnknownIssuer\n",
        "certificate",
    ),
    "pip, inspecting proxy": (
        "Could not fetch URL https://registry.example/simple/uv/: SSLError(SSLCertVerificationError(1, "
        "'[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate'))\n"
        "ERROR: No matching distribution found for uv==0.13.9 (from versions: none)",
        "certificate",
    ),
    "npm, inspecting proxy": ("npm error code SELF_SIGNED_CERT_IN_CHAIN\n", "certificate"),
    "uv, another file than locked": ("error: Hash mismatch for `rich==15.0.0`\n\nExpected:\n  sha256:9d\n", "hash"),
    "npm, another file than locked": ("npm error code EINTEGRITY\n", "hash"),
    "npm, lock out of step": ("npm error code EUSAGE\nnpm error `npm ci` can only install packages when ...\n", "lock"),
    "something new": ("error: the moon is in the wrong place\n", None),
}


@pytest.mark.parametrize(("output", "expected"), CAPTURED.values(), ids=CAPTURED.keys())
def test_an_installers_words_are_understood(output: str, expected: str | None) -> None:
    found = cause(output)
    assert (found.name if found else None) == expected


def test_the_sentence_for_a_full_disk_has_the_room_left_in_a_folder_that_exists(tmp_path: Path) -> None:
    told = sentence("No space left on device", where=tmp_path / "not" / "yet", proxy="", log=None)
    assert f"MB free in {tmp_path})" in told


def test_the_sentence_for_no_network_names_the_proxy_only_if_there_is_one(tmp_path: Path) -> None:
    assert "through the proxy http://p:1." in sentence("ENOTFOUND", where=tmp_path, proxy="http://p:1", log=None)
    assert "proxy http" not in sentence("ENOTFOUND", where=tmp_path, proxy="", log=None)


def test_a_password_in_the_proxys_address_is_not_shown(tmp_path: Path) -> None:
    told = sentence("ENOTFOUND", where=tmp_path, proxy="http://me:hunter2@p:1", log=None)
    assert "hunter2" not in told
    assert "http://p:1" in told


def test_an_unknown_failure_shows_its_last_words_and_where_the_rest_is(tmp_path: Path) -> None:
    told = sentence("a\nb\nc\nd\n", where=tmp_path, proxy="", log=Path(".tool/log/house.log"))
    assert told == "the installer failed: b / c / d (all of it: .tool/log/house.log)"
