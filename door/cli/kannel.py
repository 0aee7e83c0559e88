"""`channels kannel-config`: the configuration of a Kannel that serves one channel, each line with its reason."""

from __future__ import annotations

import os
import secrets
import string
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from door.cli.common import say
from door.cli.common import settings as load_settings
from door.cli.exits import Exit, fail

if TYPE_CHECKING:
    from channels.kannel import Config
    from core.model import ChannelId

SMPP_PORT = 2775
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """A link over SMPP 3.4, as a carrier's contract names it."""

    host: str
    port: int
    username: str
    password: str


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """What only Kannel's machine knows; ports are its own, on loopback."""

    state: Path  # a folder that Kannel may write
    carrier: Carrier | None = None  # None: a made-up one for trials, which waits for `fakesmsc`
    admin_port: int = 13000
    box_port: int = 13001
    fake_port: int = 10000
    house_ip: str = "127.0.0.1"  # which address of ours may send
    repeat_seconds: int = 10
    repeats: int = 360  # an hour
    join_seconds: int = 30
    resend_seconds: int = 10
    reconnect_seconds: int = 5


_CONFIG = string.Template("""\
# Kannel 1.4.5 for the channel "$channel" of Qiantai. Start `bearerbox -v 4 <file>`, then `smsbox -v 4 <file>`: without
# -v 4 they print what consumers write. The file holds passwords: only Kannel's user should read it.
# These folders must exist and be writable: $state/spool, $state/dlr

group = core
# Everything listens on loopback: whoever reaches one of these ports can read and send messages.
admin-interface = 127.0.0.1
admin-port = $admin_port
admin-password = "$admin_password"
status-password = "$status_password"
admin-deny-ip = "*.*.*.*"
admin-allow-ip = "127.0.0.1"
smsbox-interface = 127.0.0.1
smsbox-port = $box_port
box-deny-ip = "*.*.*.*"
box-allow-ip = "127.0.0.1"
# No access-log, and in the logs only what ends the program: a call that fails is logged with its whole address, which
# holds what a consumer wrote and the channel's secret. http://127.0.0.1:$admin_port/status.txt says how things are.
log-file = "$state/bearerbox.log"
log-level = 4
# On disk, so that messages outlive a crash of either box.
store-type = spool
store-location = "$state/spool"
# On disk too, or the receipts of messages that are under way are forgotten at a restart.
dlr-storage = spool
dlr-spool = "$state/dlr"
# What a carrier refuses for now is tried again and again, without end: with sms-resend-retry it is lost after some.
sms-resend-freq = $resend_seconds
# A long message of a consumer comes in parts: it is put together here. The default waits half an hour for a lost part.
sms-combine-concatenated-mo = true
sms-combine-concatenated-mo-timeout = $join_seconds

$link

group = smsbox
smsbox-id = $box
bearerbox-host = 127.0.0.1
bearerbox-port = $box_port
sendsms-interface = $send_host
sendsms-port = $send_port
# Default is /cgi-bin/sendsms; it must be the path of the channel's send_url.
sendsms-url = "$send_path"
log-file = "$state/smsbox.log"
log-level = 4
# Texts in UTF-16 come to us as UTF-8; without it they are bytes that no address can carry.
mo-recode = true
# The default is to give up at once when the house does not answer 200 or 202.
http-request-retry = $repeats
http-queue-delay = $repeat_seconds
http-timeout = 10
# Without these, consumers get Kannel's English error sentences.
reply-couldnotfetch = ""
reply-couldnotrepresent = ""
reply-requestfailed = ""
reply-emptymessage = ""

# Needed because the smsbox has a name: without a route it gets no message, and the log says only "smsbox_list empty!".
group = smsbox-route
smsbox-id = $box
smsc-id = "$smsc"

group = sendsms-user
username = "$username"
password = "$password"
user-deny-ip = "*.*.*.*"
user-allow-ip = "$house_ip"
# Qiantai cuts long messages itself, so that no emoji is torn; should a part be too long all the same, nothing is lost.
max-messages = 10
concatenation = true
omit-empty = true

group = sms-service
# One service for everything that is written; "keyword = default" below is never reached, but smsbox wants one.
name = qiantai
keyword-regex = ".*"
# Without it only messages of one word come here: get-url has no place for the words after the first.
catch-all = true
# %b is the text as it was written (%a squeezes blanks, %k is its first word); %I is the same in every repetition.
get-url = "$mo_url"
# Never an answer from the body of our 200: answers go out through sendsms.
max-messages = 0

group = sms-service
keyword = default
text = ""
max-messages = 0
""")

_FAKE = string.Template("""\
# A made-up carrier for trials: /usr/lib/kannel/test/fakesmsc -r $fake_port is the phone.
group = smsc
smsc = fake
smsc-id = $smsc
our-host = 127.0.0.1
port = $fake_port
connect-allow-ip = 127.0.0.1""")

_SMPP = string.Template("""\
group = smsc
smsc = smpp
smsc-id = $smsc
host = "$host"
port = $port
smsc-username = "$username"
smsc-password = "$password"
system-type = ""
# One connection for both directions; a carrier that wants two needs a second group with receive-port.
transceiver-mode = true
interface-version = 34
enquire-link-interval = 30
reconnect-delay = $reconnect_seconds
# Parts a second: your contract names how many; above it the carrier refuses, and Kannel waits.
throughput = 20
max-pending-submits = 10
# Ids are the same text in the answer and in the receipt; where one is hexadecimal and receipts find no message: 0x01.
msg-id-type = 0x00""")


def render(channel_id: ChannelId, config: Config, gateway: Gateway) -> str:
    """The text of a kannel.conf; its two administrator passwords are new each time."""
    from channels.kannel import mo_url

    smsc = config.smsc or channel_id
    send = urlsplit(config.send_url)
    host = send.hostname or ""
    carrier = gateway.carrier
    link = (
        _FAKE.substitute(smsc=smsc, fake_port=gateway.fake_port)
        if carrier is None
        else _SMPP.substitute(
            smsc=smsc,
            host=carrier.host,
            port=carrier.port,
            username=carrier.username,
            password=carrier.password,
            reconnect_seconds=gateway.reconnect_seconds,
        )
    )
    return _CONFIG.substitute(
        channel=channel_id,
        box=channel_id,
        smsc=smsc,
        link=link,
        state=gateway.state,
        admin_port=gateway.admin_port,
        admin_password=secrets.token_urlsafe(18),
        status_password=secrets.token_urlsafe(18),
        box_port=gateway.box_port,
        join_seconds=gateway.join_seconds,
        resend_seconds=gateway.resend_seconds,
        send_host="127.0.0.1" if host in LOOPBACK else host,
        send_port=send.port or (443 if send.scheme == "https" else 80),
        send_path=send.path or "/",
        repeats=gateway.repeats,
        repeat_seconds=gateway.repeat_seconds,
        username=config.username,
        password=config.password.get_secret_value(),
        house_ip=gateway.house_ip,
        mo_url=mo_url(channel_id, config),
    )


def kannel_config(
    channel: Annotated[str, typer.Argument(metavar="ID", help="A channel of the kind kannel.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Into a file that only you can read, not stdout.")
    ] = None,
    state: Annotated[Path, typer.Option(metavar="FOLDER", help="Where Kannel keeps messages and logs.")] = Path(
        "/var/spool/kannel"
    ),
    smpp: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="The carrier; without it a made-up one for trials.")
    ] = "",
    smpp_user: Annotated[str, typer.Option(metavar="NAME", help="Your system_id at the carrier.")] = "",
    smpp_password_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file with your password at the carrier.")
    ] = None,
    house_ip: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The address from which this house calls Kannel.")
    ] = "127.0.0.1",
) -> None:
    """Write a kannel.conf that fits a channel, with the reason for each line."""
    config = _config(channel)
    if set('"\\\n') & set(str(state)):
        fail(Exit.USAGE, f"--state: {state} cannot stand in Kannel's configuration")
    try:
        ip_address(house_ip)
    except ValueError:
        fail(Exit.USAGE, f'--house-ip: "{house_ip}" is not an address such as 10.0.0.7')
    gateway = Gateway(state=state.absolute(), carrier=_carrier(smpp, smpp_user, smpp_password_file), house_ip=house_ip)
    from core.model import ChannelId

    text = render(ChannelId(channel), config, gateway)
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
    except FileExistsError:
        fail(Exit.REFUSED, f"{out} is there already: move it away, or give another --out")
    except OSError as e:
        fail(Exit.USAGE, f"{out} cannot be written: {e.strerror}")
    say(f"Written: {out}. Make {state}/spool and {state}/dlr, then start bearerbox -v 4 and smsbox -v 4 with it.")


def _config(channel: str) -> Config:
    from typing import cast

    from channels import configured
    from core.errors import SettingsError

    house = load_settings()
    ours = [id for id, one in house.channels.items() if one.get("kind") == "kannel"]
    if channel not in ours:
        there = f"there are: {', '.join(ours)}" if ours else "no channel of that kind is configured"
        fail(Exit.USAGE, f'there is no channel "{channel}" of the kind kannel; {there}')
    try:
        _, config = configured(channel, house.channels[channel], house.public_base_url)
    except SettingsError as e:
        fail(Exit.SETTINGS, e.detail)
    return cast("Config", config)


def _carrier(where: str, username: str, password_file: Path | None) -> Carrier | None:
    if not where:
        if username or password_file:
            fail(Exit.USAGE, "--smpp-user and --smpp-password-file belong to --smpp HOST:PORT")
        return None
    host, _, port = where.rpartition(":") if ":" in where else (where, "", str(SMPP_PORT))
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        fail(Exit.USAGE, f'--smpp: "{where}" is not of the form HOST:PORT')
    if not username or password_file is None:
        fail(Exit.USAGE, "--smpp needs --smpp-user NAME and --smpp-password-file FILE")
    try:
        password = password_file.read_text().strip()
    except (OSError, UnicodeDecodeError) as e:
        fail(Exit.USAGE, f"--smpp-password-file: {password_file} cannot be read ({type(e).__name__})")
    for what, text in (("--smpp", host), ("--smpp-user", username), ("the password", password)):
        if not text or not text.isascii() or not text.isprintable() or set('"\\ ') & set(text):
            fail(Exit.USAGE, f'{what}: visible ASCII characters without " and \\')
    return Carrier(host=host, port=int(port), username=username, password=password)
