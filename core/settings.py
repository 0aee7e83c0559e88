"""Everything a site can choose, read once at start from the environment, secret files and qiantai.toml."""

from __future__ import annotations

import difflib
import itertools
import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast, get_args, get_origin

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, SettingsConfigDict

from core import retry
from core import setting_checks as checks
from core.errors import SettingsError
from core.model import Language

PREFIX = "QIANTAI_"
CONFIG = f"{PREFIX}CONFIG"
DEFAULT_CONFIG = Path("qiantai.toml")
# Names that share the prefix and are no settings: they are read elsewhere, and must not be taken for typing errors.
OTHER_NAMES = {
    CONFIG: "path of the settings file; default ./qiantai.toml, if there is one",
    f"{PREFIX}BRAIN_TOKEN": "what callers must show the brain; made at start by the house",
    f"{PREFIX}ACTION_URL": "where the brain's actions call the house; given to the brain by the house",
    f"{PREFIX}ACTION_TOKEN": "what they show there; made at start by the house",
}

WEB: checks.Channels = {"web": {"kind": "web"}}  # so that the page works without a setting

Folder = Annotated[Path, AfterValidator(Path.expanduser)]
Present = Annotated[str, AfterValidator(checks.present)]


def _setting(
    default: Any,
    help: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    secret: bool = False,
    shown: str | None = None,
) -> Any:
    """A field with what people are told about it; `low` and `high` are the ends of its range in `unit`.

    `shown` is the default in words where the value itself would not do.
    """
    told: dict[str, Any] = {"unit": unit, "secret": secret, "shown": shown}
    return Field(default, description=help, ge=low, le=high, json_schema_extra=told)


def _channels(given: object) -> checks.Channels:
    """The channels that are to run: those in the settings and, unless it is turned off, the page's own."""
    if isinstance(given, str):
        with suppress(ValueError):  # which `checks` has words for
            given = json.loads(given)
    if isinstance(given, dict):
        tables = cast("dict[str, object]", given)
        web = tables.get("web", {})
        given = tables | {"web": WEB["web"] | cast("dict[str, Any]", web) if isinstance(web, dict) else web}
    read = checks.channels(cast("object", given))
    for id, channel in read.items():
        if not isinstance(channel.get("enabled", True), bool):
            raise ValueError(f"channel {id}: enabled is true or false")
    running = {id: dict(channel) for id, channel in read.items() if channel.get("enabled", True)}
    for channel in running.values():
        channel.pop("enabled", None)
    return running


def _port(default: int, help: str) -> Any:
    return _setting(default, help, low=0, high=65535)


def _seconds(default: float, help: str, *, high: float) -> Any:
    return _setting(default, help, unit="seconds", low=0.05, high=high)


class Settings(BaseSettings):
    """What a site has chosen. Made by `load`; a value made by hand reads no environment, which suits tests."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, allow_inf_nan=False, hide_input_in_errors=True
    )

    # Where things lie
    data: Folder = _setting(Path("var"), "Folder for the ledger, the keys and the logs.")
    database_url: Annotated[str, AfterValidator(checks.ledger)] = _setting(
        "",
        "The ledger: sqlite:///path/to/file.db or postgresql://name:password@host/database.",
        secret=True,
        shown="sqlite:///{data}/qiantai.db",
    )
    content: Folder = _setting(Path("faq/content"), "Folder of the FAQ entries and of the sentences consumers read.")
    publish: Literal["auto", "manual"] = _setting(
        "auto",
        "auto: saving content files publishes them; manual: saving only checks them, and ./qiantai faq publish makes"
        " them live.",
    )
    encoder: Present = _setting(
        "embedded",
        "The model that compares questions by meaning: embedded for the one that comes along, none to search by words"
        " alone, else the path or the name of any sentence-transformers model.",
    )
    key_file: Folder = Field(
        default_factory=lambda given: cast("Path", given["data"]) / "keys.json",
        description="The keys that hide personal data. Keep a copy apart from the ledger: without them it stays shut.",
        json_schema_extra={"unit": "", "secret": False, "shown": "{data}/keys.json"},
    )

    # Where we listen
    host: Present = _setting("127.0.0.1", "Address to listen on; 0.0.0.0 for every network of the machine.")
    port: int = _port(8080, "Port of the pages, webhooks and APIs; 0 takes a free one.")
    metrics_port: int = _port(8081, "Port of /metrics, loopback only; 0 turns it off.")
    brain_port: int = _port(0, "Port of the brain, loopback only; 0 takes a free one.")
    action_port: int = _port(0, "Port that the brain's actions call, loopback only; 0 takes a free one.")
    public_base_url: Annotated[str, AfterValidator(checks.base_address)] = _setting(
        "", "The address under which the world reaches us: https://desk.example.org"
    )
    max_body_bytes: int = _setting(262_144, "The largest request taken.", unit="bytes", low=1024, high=67_108_864)
    rate_per_minute: int = _setting(60, "Messages taken from one sender.", unit="per minute", low=1, high=1_000_000)
    visitors_per_minute: int = _setting(
        60,
        "New visitors of the web chat taken from one network address; 0 for no limit.",
        unit="per minute",
        low=0,
        high=1_000_000,
    )
    sockets_per_address: int = _setting(
        100, "Pages of the web chat that one network address may have open; 0 for no limit.", low=0, high=1_000_000
    )
    trusted_proxies: Annotated[str, AfterValidator(checks.network_list)] = _setting(
        "127.0.0.0/8, ::1",
        "Addresses and networks of the reverse proxies before us, with commas between them, or none. Theirs is the only"
        " X-Forwarded-For that counts.",
    )

    # Who we are
    default_language: Language = _setting("zh", "Language of a consumer of whom nothing is known yet.")
    hotline_name: str = _setting("12363金融消费者热线", "Name of the hotline in Chinese sentences.")
    hotline_name_en: str = _setting("12363 financial consumer hotline", "Name of the hotline in English sentences.")
    hotline_number: Present = _setting("12363", "Telephone number of the hotline.")
    hotline_city: str = _setting("", "City or region that the hotline serves.")
    hours_text: str = _setting("周一至周五 9:00–17:00", "When people answer, in Chinese sentences.")
    hours_text_en: str = _setting("Monday to Friday, 9:00–17:00", "When people answer, in English sentences.")
    channels: Annotated[checks.Channels, NoDecode, BeforeValidator(_channels)] = _setting(
        WEB,
        "The channels by id: tables [channels.<id>] in qiantai.toml, or all of them as one JSON object. Each has a"
        " kind; the value of a key that ends in _file is read from that file; enabled = false turns one off. The"
        " channel web is there unless it is turned off.",
        secret=True,
        shown='{"web": {"kind": "web"}}',
    )

    # One turn
    max_text: int = _setting(
        4000, "The longest message that is read; a longer one is told so.", unit="characters", low=100, high=100_000
    )
    turns_in_flight: int = _setting(8, "Turns that may be with one brain at a time.", unit="turns", low=1, high=64)
    action_timeout: float = _seconds(1.0, "How long an action of the brain may take.", high=60)
    brain_timeout: float = _seconds(4.0, "How long the brain may take for one try.", high=120)
    hold_after: float = _seconds(5.0, "A consumer who waits longer than this is told so, once per outage.", high=300)
    turn_tries: int = _setting(3, "Tries before a message is parked for a person.", unit="tries", low=1, high=10)
    turn_window: float = _seconds(30.0, "Time in which these tries are made.", high=600)
    lease_seconds: float = _seconds(10.0, "A worker silent for longer than this loses its conversation.", high=300)
    idle_visit_minutes: int = _setting(60, "A visit ends after this much silence.", unit="minutes", low=1, high=10_080)

    # The register
    attachment_bytes: int = _setting(
        10_485_760, "The largest file that is kept with a case.", unit="bytes", low=1024, high=67_108_864
    )
    scan_command: Annotated[str, AfterValidator(checks.command)] = _setting(
        "",
        "Command that scans such a file on its standard input and ends with 0, or with 1 if it found something, as"
        " clamdscan - does; none: files count as not scanned.",
    )

    id_link_hours: int = _setting(
        24,
        "How long a link works by which a consumer gives the number of their identity paper.",
        unit="hours",
        low=1,
        high=72,
    )

    # What consumers are told unasked
    proactive_from: int = _setting(
        9,
        "Hour in China from which short messages on cases and questions how a case went may go out. Other news of a"
        " case goes out at once.",
        unit="hour",
        low=0,
        high=23,
    )
    proactive_until: int = _setting(20, "Hour in China from which they wait.", unit="hour", low=1, high=24)
    sms_channel: str = _setting(
        "",
        "Id of the channel by which short messages on cases go out where a conversation does not reach its consumer;"
        " none: no channel. Without it the first channel for short messages.",
    )
    follow_up_days: int = _setting(
        3,
        "Days after a case was closed on which its consumer is asked how it went; 0: never.",
        unit="days",
        low=0,
        high=90,
    )

    # What people on duty see
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(checks.upper)] = _setting(
        "INFO", "The least that is logged."
    )
    log_format: Literal["json", "console"] = _setting("json", "json for machines, console for eyes.")
    alarm_webhook: Annotated[str, AfterValidator(checks.web_address)] = _setting(
        "", "Address to which every alarm is posted as JSON.", secret=True
    )
    alarm_command: Annotated[str, AfterValidator(checks.command)] = _setting(
        "", "Command that is run for every alarm, with the alarm as JSON on its standard input.", secret=True
    )
    alarm_repeat_minutes: int = _setting(
        30, "An alarm that nobody acknowledged is told again after this time.", unit="minutes", low=1, high=1440
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: Any, *_unused: Any, **_read_by_load: Any
    ) -> tuple[Any, ...]:
        return (init_settings,)  # `load` has read the rest, so that every problem can be told at once

    @model_validator(mode="after")
    def _together(self) -> Self:
        problems: list[str] = []
        waits = ("action_timeout", "brain_timeout", "hold_after", "turn_window")
        for short, long in itertools.pairwise(waits):
            if getattr(self, short) >= getattr(self, long):
                problems.append(
                    f"{short} ({getattr(self, short)} s) must be less than {long} ({getattr(self, long)} s)"
                )
        tries = self.turn_tries * self.brain_timeout + sum(map(retry.turn_delay, range(1, self.turn_tries)))
        if tries > self.turn_window:
            problems.append(
                f"turn_tries ({self.turn_tries}) take {tries:g} s with their pauses, more than turn_window"
                f" ({self.turn_window} s)"
            )
        if self.proactive_from >= self.proactive_until:
            problems.append(
                f"proactive_from ({self.proactive_from}) must be less than proactive_until ({self.proactive_until})"
            )
        ports = ("port", "metrics_port", "brain_port", "action_port")
        for n, first in enumerate(ports):
            for second in ports[n + 1 :]:
                if getattr(self, first) and getattr(self, first) == getattr(self, second):
                    problems.append(f"{first} and {second} are both {getattr(self, first)}: give each its own")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def ledger_url(self) -> str:
        """Where the ledger is: `database_url`, else the SQLite file in `data`."""
        return self.database_url or f"sqlite:///{self.data / 'qiantai.db'}"

    def response_args(self, language: Language) -> dict[str, str]:
        """What every sentence to a consumer may name: hotline_name, hotline_number, hotline_city, hours."""
        zh = language == "zh"
        return {
            "hotline_name": self.hotline_name if zh else self.hotline_name_en,
            "hotline_number": self.hotline_number,
            "hotline_city": self.hotline_city,
            "hours": self.hours_text if zh else self.hours_text_en,
        }

    def shown(self) -> dict[str, Any]:
        """Every setting by name as people may see it: passwords, tokens and keys are redacted."""
        values: dict[str, Any] = {name: getattr(self, name) for name in type(self).model_fields}
        return values | {
            "database_url": checks.without_password(self.database_url),
            "alarm_webhook": checks.host_only(self.alarm_webhook),
            "alarm_command": checks.program_only(self.alarm_command),
            "channels": {id: checks.redacted(channel) for id, channel in self.channels.items()},
        }

    def __repr_args__(self) -> Iterable[tuple[str, Any]]:
        return self.shown().items()  # what repr, str, tracebacks and rich print


# Reading ------------------------------------------------------------------------------------------------------------


class _Environment(EnvSettingsSource):
    """The names that `load` was handed, instead of the process's own environment."""

    def __init__(self, names: Mapping[str, str | None]) -> None:
        self._names = names
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._names


def load(toml: Path | None = None, env: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process: the environment wins over the settings file, the file over the defaults.

    `toml` is the settings file (else QIANTAI_CONFIG, else ./qiantai.toml if it is there), `env` the environment (else
    the process's). An environment name with an empty value counts as not given. SettingsError has one line for every
    problem found.
    """
    env = os.environ if env is None else env
    problems: list[str] = []
    origins: dict[str, str] = {}  # field → how its value's place is called in a problem
    values = _from_file(toml, env, origins, problems) | _from_environment(env, origins, problems)
    try:
        settings = Settings(**values)
    except ValidationError as e:
        problems += _problems(e, origins)
    else:
        if not problems:
            return settings
    raise SettingsError("\n".join(problems))


def _from_environment(env: Mapping[str, str], origins: dict[str, str], problems: list[str]) -> dict[str, Any]:
    fields = Settings.model_fields
    given = {name.upper(): value for name, value in env.items() if name.upper().startswith(PREFIX) and value}
    known = [name for doc in describe() for name in (doc.env, doc.env_file) if name] + list(OTHER_NAMES)
    read: dict[str, str | None] = {}
    for name, value in sorted(given.items()):
        field = name.removeprefix(PREFIX).lower()
        secret = field.removesuffix("_file")
        if name in OTHER_NAMES:
            continue
        if field in fields:
            read[name.lower()] = value
            origins[field] = name
        elif secret in fields and _told(fields[secret])["secret"]:
            if f"{PREFIX}{secret}".upper() in given:
                problems.append(f"{name}: {PREFIX}{secret.upper()} is given too; keep one of them")
                continue
            try:
                read[f"{PREFIX}{secret}".lower()] = checks.secret_file(value)
                origins[secret] = name
            except ValueError as e:
                problems.append(f"{name}: {e}")
        else:
            problems.append(f"{name}: there is no such setting{_meant(name, known)}")
    return _Environment(read)()


def _from_file(
    toml: Path | None, env: Mapping[str, str], origins: dict[str, str], problems: list[str]
) -> dict[str, Any]:
    named = toml or (Path(env[CONFIG]) if env.get(CONFIG) else None)
    path = named or DEFAULT_CONFIG
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if named:
            problems.append(f"{path}: there is no such settings file; mend the path or leave it out")
        return {}
    except OSError as e:
        problems.append(f"{path}: cannot be read ({checks.reason(e)}); mend the path or the permissions")
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        problems.append(f"{path}: is not valid TOML: {e}")
        return {}
    known = list(Settings.model_fields)
    for name in [name for name in values if name not in known]:
        del values[name]
        problems.append(f"{name} in {path}: there is no such setting{_meant(name, known)}")
    origins |= {name: f"{name} in {path}" for name in values}
    return values


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else "; see ./qiantai settings"


def _problems(error: ValidationError, origins: dict[str, str]) -> list[str]:
    """One line for each thing that pydantic found; the value is repeated unless it may be a secret."""
    lines: list[str] = []
    for found in error.errors(include_url=False):
        if found["type"] == "default_factory_not_called":
            continue  # the field that it needs has its own line
        if not found["loc"]:  # several settings together
            lines += str(found.get("ctx", {})["error"]).splitlines()
            continue
        name = str(found["loc"][0])
        field = Settings.model_fields[name]
        value = "" if _told(field)["secret"] else f" is {str(found['input'])!r}"
        advice = found.get("ctx", {})["error"] if found["type"] == "value_error" else f"give {_wanted(field)}"
        lines.append(f"{origins.get(name, name)}{value}: {advice}")
    return lines


# Describing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingDoc:
    """One setting as docs and the command line show it."""

    name: str  # in qiantai.toml
    env: str
    env_file: str  # the name that takes a file's path instead; "" for what is no secret
    wanted: str  # what a good value is, e.g. "a whole number from 1 to 64 (turns)"
    default: str
    help: str


def describe() -> list[SettingDoc]:
    """Every setting, in the order of `Settings`."""
    return [
        SettingDoc(
            name=name,
            env=f"{PREFIX}{name.upper()}",
            env_file=f"{PREFIX}{name.upper()}_FILE" if _told(field)["secret"] else "",
            wanted=_wanted(field),
            default=str(field.default) if _told(field)["shown"] is None else _told(field)["shown"],
            help=field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def _told(field: FieldInfo) -> dict[str, Any]:
    return cast("dict[str, Any]", field.json_schema_extra)


def _wanted(field: FieldInfo) -> str:
    """What a good value of this field is, in words."""
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(get_args(field.annotation))
    if field.annotation in (int, float):
        ends = {type(m).__name__: m for m in field.metadata}
        unit = _told(field)["unit"]
        kind = "a whole number" if field.annotation is int else "a number"
        return f"{kind} from {ends['Ge'].ge} to {ends['Le'].le}" + (f" ({unit})" if unit else "")
    if field.annotation is Path:
        return "a path"
    return "a table of channels, by id" if field.annotation is not str else "a text"
