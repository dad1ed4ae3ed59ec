"""The settings of a mailbox: what the admin fills in, and how it is checked before anything connects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import idna
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from email_validator import EmailNotValidError, validate_email

from accounts.models import Channel
from inbox.adapters import SettingField
from integrations.channel_settings import clean_settings

SECURITIES = ("ssl", "starttls", "none")
_IMAP_PORTS = {"ssl": 993, "starttls": 143, "none": 143}
_SMTP_PORTS = {"ssl": 465, "starttls": 587, "none": 25}
_MEANT_BY_PORT = {993: "ssl", 143: "starttls", 465: "ssl", 587: "starttls"}
_SECURITY = (
    ("ssl", _("From the start (SSL)")),
    ("starttls", _("After the greeting (STARTTLS)")),
    ("none", _("None: only within your own network")),
)

FIELDS = (
    SettingField("address", _("Address"), _("The mailbox customers write to, for example hola@ejemplo.cl.")),
    SettingField("from_name", _("Name shown to customers"), required=False),
    SettingField("imap_host", _("IMAP server"), _("Where mail is read, for example imap.ejemplo.cl.")),
    SettingField("imap_port", _("IMAP port"), _("Empty: 993, or 143 without ssl."), required=False, kind="number"),
    SettingField("imap_security", _("IMAP encryption"), required=False, default="ssl", choices=_SECURITY),
    SettingField("imap_user", _("IMAP user"), _("Empty: the address."), required=False),
    SettingField("imap_password", _("IMAP password"), _("With two-step login, an app password."), secret=True),
    SettingField("folder", _("Folder"), required=False, default="INBOX"),
    SettingField("smtp_host", _("SMTP server"), _("Where mail is sent from, for example smtp.ejemplo.cl.")),
    SettingField("smtp_port", _("SMTP port"), _("Empty: 587; 465 with ssl; 25 without encryption."), required=False, kind="number"),
    SettingField("smtp_security", _("SMTP encryption"), required=False, default="starttls", choices=_SECURITY),
    SettingField("smtp_user", _("SMTP user"), _("Empty: the IMAP user. A single dash: the server asks for no login."), required=False),
    SettingField("smtp_password", _("SMTP password"), _("Empty: the IMAP password."), secret=True, required=False),
    SettingField(
        "authserv_id",
        _("Name of your mail server in Authentication-Results"),
        _("Optional. With it, a sender whose domain your server has verified counts as proven; otherwise as claimed."),
        required=False,
    ),
)
NO_LOGIN = "-"


@dataclass(frozen=True)
class Server:
    """One side of a mailbox. ``password`` stays out of logs and of ``repr``."""

    host: str
    port: int
    security: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class MailboxSettings:
    address: str
    from_name: str
    folder: str
    authserv_id: str
    imap: Server
    smtp: Server

    @property
    def domain(self) -> str:
        """Of the address, in ASCII."""
        return ascii_domain(self.address.rpartition("@")[2])


def ascii_domain(domain: str) -> str:
    """The domain as DNS knows it. Raises ``UnicodeError`` for what is no domain."""
    return domain.lower() if domain.isascii() else idna.encode(domain, uts46=True).decode()


def settings_of(channel: Channel) -> MailboxSettings:
    """What the channel was saved with. What is missing (never by ``validate``) fails when connecting."""
    secrets: Any = channel.secrets
    return _read({**channel.settings, **secrets})


def _read(values: dict[str, Any]) -> MailboxSettings:
    imap_security, smtp_security = values.get("imap_security") or "ssl", values.get("smtp_security") or "starttls"
    imap_user = values.get("imap_user") or values.get("address", "")
    smtp_user = values.get("smtp_user") or imap_user
    return MailboxSettings(
        address=values.get("address", ""),
        from_name=values.get("from_name", ""),
        folder=values.get("folder") or "INBOX",
        authserv_id=values.get("authserv_id", ""),
        imap=Server(
            host=values.get("imap_host", ""),
            port=int(values.get("imap_port") or _IMAP_PORTS[imap_security]),
            security=imap_security,
            user=imap_user,
            password=values.get("imap_password", ""),
        ),
        smtp=Server(
            host=values.get("smtp_host", ""),
            port=int(values.get("smtp_port") or _SMTP_PORTS[smtp_security]),
            security=smtp_security,
            user="" if smtp_user == NO_LOGIN else smtp_user,
            password=values.get("smtp_password") or values.get("imap_password", ""),
        ),
    )


def validate(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, trimmed and completed. Raises ``ValidationError`` keyed by field, each with what to do."""
    errors: dict[str, Any] = {}
    cleaned: dict[str, Any]
    try:
        cleaned = {name: str(value) for name, value in clean_settings(FIELDS, values).items()}
    except ValidationError as error:
        errors.update(error.error_dict)
        known = {spec.name for spec in FIELDS}
        cleaned = {name: str(values.get(name) or "").strip() for name in known}
    if cleaned["address"]:
        try:
            found = validate_email(cleaned["address"], check_deliverability=False, test_environment=True)
            cleaned["address"] = found.normalized
        except EmailNotValidError:
            errors["address"] = _("Write one complete address, such as hola@ejemplo.cl.")
    if any(sign in cleaned["from_name"] for sign in "\r\n<>") or len(cleaned["from_name"]) > 100:
        errors["from_name"] = _("Write a name of one line, without < and >.")
    for side in ("imap", "smtp"):
        errors.update(_side_errors(side, cleaned))
    cleaned["folder"] = cleaned["folder"] or "INBOX"
    if len(cleaned["folder"]) > 120 or any(sign in cleaned["folder"] for sign in "\r\n\x00"):
        errors["folder"] = _("Write the folder's name as your mail program shows it.")
    if errors:
        raise ValidationError(errors)
    return cleaned


def _side_errors(side: str, cleaned: dict[str, Any]) -> dict[str, Any]:
    errors: dict[str, Any] = {}
    ports = _IMAP_PORTS if side == "imap" else _SMTP_PORTS
    host, security = cleaned[f"{side}_host"], cleaned[f"{side}_security"].lower() or ("ssl" if side == "imap" else "starttls")
    if host:
        try:
            cleaned[f"{side}_host"] = ascii_domain(host.rstrip("."))
        except UnicodeError:
            errors[f"{side}_host"] = _("Write the server's name only, such as imap.ejemplo.cl.")
        if "/" in host or (":" in host.strip("[]") and "." in host) or " " in host:
            errors[f"{side}_host"] = _("Write the server's name only, without https:// and without the port.")
    if security not in SECURITIES:
        errors[f"{side}_security"] = _("Choose ssl, starttls or none.")
        return errors
    cleaned[f"{side}_security"] = security
    port = cleaned[f"{side}_port"] or str(ports[security])
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        errors[f"{side}_port"] = _("Write a number from 1 to 65535.")
        return errors
    cleaned[f"{side}_port"] = int(port)
    right = _MEANT_BY_PORT.get(int(port))
    if right and {right, security} == {"ssl", "starttls"}:
        errors[f"{side}_security"] = _("Port %(port)s speaks %(right)s.") % {"port": port, "right": right}
    if any(ord(sign) < 32 for sign in cleaned[f"{side}_user"]):
        errors[f"{side}_user"] = _("Write the user as your provider gives it.")
    return errors
