"""What stands for a signature where a platform signs nothing: a secret in our address, and where it may call from."""

from __future__ import annotations

import hmac
import re
from ipaddress import IPv6Address, ip_address
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from channels import WebhookRequest
from core.errors import BadSignature
from core.setting_checks import networks

ANYWHERE = "0.0.0.0/0, ::/0"

_SECRET = re.compile(r"[A-Za-z0-9_-]{16,128}")


def _in_an_address(value: SecretStr) -> SecretStr:
    if not _SECRET.fullmatch(value.get_secret_value()):
        raise ValueError("16 to 128 of A-Z a-z 0-9 _ -")
    return value


def _are_networks(value: str) -> str:
    try:
        networks(value)
    except ValueError:
        raise ValueError("addresses and networks with commas between, such as 10.0.0.0/8, ::1") from None
    return value


PathSecret = Annotated[SecretStr, AfterValidator(_in_an_address)]
# For a field named `allow`: by that name the door knows that the caller behind a trusted proxy is wanted.
Networks = Annotated[str, AfterValidator(_are_networks)]


class Callers:
    """Who may call a channel: who knows its secret and calls from one of its networks."""

    def __init__(self, secret: SecretStr, allow: str) -> None:
        self._secret = secret
        self._networks = networks(allow)

    def verify(self, request: WebhookRequest) -> None:
        """BadSignature unless the request's path is <secret>/<word> and it comes from where it may."""
        given, _, _ = request.path.rpartition("/")
        # As bytes: the comparison of texts is for ASCII alone, and an address may hold anything.
        if not hmac.compare_digest(given.encode(errors="replace"), self._secret.get_secret_value().encode()):
            raise BadSignature("the secret in the address is another")
        if not self._is_allowed(request.remote):
            raise BadSignature("the caller's address is not among those of `allow`")

    def _is_allowed(self, remote: str) -> bool:
        try:
            caller = ip_address(remote)
        except ValueError:
            return False
        if isinstance(caller, IPv6Address) and caller.ipv4_mapped:  # on a socket that listens for both families
            caller = caller.ipv4_mapped
        return any(caller in network for network in self._networks)
