"""The tree of failures. A class docstring is its public sentence; flags, not strings, decide what callers do."""

from __future__ import annotations

from typing import ClassVar


class QiantaiError(Exception):
    """Something went wrong in the front desk."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500  # HTTP status at the doors
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.sentence)
        self.detail = detail

    @property
    def sentence(self) -> str:
        """The public sentence: the first line of the class docstring."""
        return (type(self).__doc__ or "").strip().splitlines()[0]


class SettingsError(QiantaiError):
    """The settings are not usable; every problem is listed."""

    code = "settings"


class UnknownChannel(QiantaiError):
    """No such channel is configured here."""

    code = "unknown_channel"
    status = 404


class BadSignature(QiantaiError):
    """The request is not signed by the platform this channel talks to."""

    code = "bad_signature"
    status = 401


class Malformed(QiantaiError):
    """The request is not what this channel's platform sends."""

    code = "malformed"
    status = 400


class Unsupported(QiantaiError):
    """The platform sent something we know of and do not handle; it is acknowledged and kept."""

    code = "unsupported"
    status = 200


class TooLarge(QiantaiError):
    """The request is larger than this front desk takes."""

    code = "too_large"
    status = 413


class WrongType(QiantaiError):
    """The content type is not the one this address takes."""

    code = "wrong_type"
    status = 415


class NotSignedIn(QiantaiError):
    """A token with the right scope is needed."""

    code = "not_signed_in"
    status = 401


class NotFound(QiantaiError):
    """There is nothing at this address."""

    code = "not_found"
    status = 404


class TooMany(QiantaiError):
    """Too many requests from this source; try again later."""

    code = "too_many"
    status = 429
    retryable = True


class LedgerBusy(QiantaiError):
    """The ledger could not take the message now; send it again."""

    code = "ledger_busy"
    status = 503
    retryable = True


class LeaseLost(QiantaiError):
    """Another worker or a person has taken the conversation; nothing was applied."""

    code = "lease_lost"


class BrainError(QiantaiError):
    """The brain could not answer this turn."""

    code = "brain"
    status = 503
    retryable = True


class SendError(QiantaiError):
    """The platform did not take the message."""

    code = "send"

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        retryable: bool,
        retry_after: float | None = None,
        alarm: bool = False,
    ) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.send_code = code  # throttled | server_down | refused | contact_stopped | …
        self.may_retry = retryable
        self.retry_after = retry_after  # seconds the platform asked us to wait
        self.alarm = alarm  # people must hear of it although it is tried again


class VaultError(QiantaiError):
    """A protected value could not be opened: the key file does not match the ledger."""

    code = "vault"


class ContentError(QiantaiError):
    """An FAQ or response file is broken; the sentence names file, line and reason."""

    code = "content"
