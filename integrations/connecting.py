"""Connect a channel, change it, switch it on and off. The admin's pages and the API are doors to these functions."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import auditing
from accounts.actors import Actor
from accounts.models import Channel
from accounts.roles import Ability, require
from inbox.adapters import ChannelAdapter, ChecksConnection, adapter_for, registered_kinds
from inbox.channel_health import note_success

BOT_QUESTIONS = ("name", "contact", "reason")
NAME_LENGTH = 80
GREETING_LENGTH = 500


def channel_setting_words() -> dict[str, Any]:
    """Setting → what the forms call it, over every kind of channel. For the audit."""
    labels = {field.name: field.label for kind in registered_kinds() for field in adapter_for(kind).setting_fields}
    return {"name": _("Name"), **labels}


@transaction.atomic
def connect_channel(*, kind: str, name: str, settings: Mapping[str, Any], by: Actor) -> Channel:
    """Make a channel of the account in scope. ``settings`` holds what is secret and what is not, as the adapter names it.

    Raises ``PermissionDenied``, and ``ValidationError`` keyed by ``kind``, ``name`` or the setting.
    """
    require(by, Ability.MANAGE_CHANNELS)
    adapter = _adapter(kind)
    errors: dict[str, Any] = {}
    try:
        name = _clean_name(name)
    except ValidationError as error:
        errors.update(error.error_dict)
    try:
        cleaned = adapter.validate_settings(dict(settings))
    except ValidationError as error:
        errors.update(error.error_dict)
    if errors:
        raise ValidationError(errors)
    public, secret = _split(adapter, cleaned)
    channel = Channel.objects.create(kind=kind, name=name, settings=public, secrets=secret)
    auditing.record(actor=by, action="channel.connect", target=channel, kind=kind, name=name)
    return channel


@transaction.atomic
def update_channel(*, channel: Channel, name: str | None = None, settings: Mapping[str, Any] | None = None, by: Actor) -> Channel:
    """Change the name or some settings; what is not given stays, and so does a secret that is given empty.

    Raises as ``connect_channel`` does. The audit entry names the fields that changed, never their values.
    """
    require(by, Ability.MANAGE_CHANNELS)
    channel = _locked(channel)
    adapter = _adapter(channel.kind)
    changed = []
    if name is not None and (name := _clean_name(name)) != channel.name:
        channel.name = name
        changed.append("name")
    if settings is not None:
        secret_names = {field.name for field in adapter.setting_fields if field.secret}
        given = {key: value for key, value in settings.items() if not (key in secret_names and value in ("", None))}
        secrets: Any = channel.secrets
        before = {**channel.settings, **secrets}
        known = {field.name for field in adapter.setting_fields}
        cleaned = adapter.validate_settings({**{key: value for key, value in before.items() if key in known}, **given})
        changed += sorted(key for key, value in cleaned.items() if before.get(key) != value)
        channel.settings, channel.secrets = _split(adapter, cleaned)
    if changed:
        # A new credential may cure what was wrong; the next call says so if it does not.
        channel.problem = channel.sending_problem = ""
        channel.save(update_fields=["name", "settings", "secrets", "problem", "sending_problem"])
        auditing.record(actor=by, action="channel.update", target=channel, changed=changed)
    return channel


@transaction.atomic
def activate_channel(*, channel: Channel, active: bool, by: Actor) -> Channel:
    """Switch a channel on or off. Off, it takes nothing in and sends nothing; what it has is kept."""
    require(by, Ability.MANAGE_CHANNELS)
    channel = _locked(channel)
    if channel.is_active != active:
        channel.is_active = active
        channel.save(update_fields=["is_active"])
        auditing.record(actor=by, action="channel.activate" if active else "channel.deactivate", target=channel)
    return channel


@transaction.atomic
def set_greeting_bot(
    *, channel: Channel, enabled: bool, greeting: str = "", ask: tuple[str, ...] | list[str] = BOT_QUESTIONS, by: Actor
) -> Channel:
    """Switch the bot that greets unknown writers, with its first words (empty: the product's own) and what it asks."""
    require(by, Ability.MANAGE_CHANNELS)
    greeting = greeting.replace("\x00", "").strip()
    if len(greeting) > GREETING_LENGTH:
        raise ValidationError({"greeting": _("Keep the greeting below %(limit)s characters.") % {"limit": GREETING_LENGTH}})
    if unknown := set(ask) - set(BOT_QUESTIONS):
        raise ValidationError({"ask": _("The bot cannot ask for %(what)s.") % {"what": ", ".join(sorted(unknown))}})
    channel = _locked(channel)
    wanted = {"enabled": enabled, "greeting": greeting, "ask": [question for question in BOT_QUESTIONS if question in ask]}
    if channel.greeting_bot != wanted:
        channel.greeting_bot = wanted
        channel.save(update_fields=["greeting_bot"])
        auditing.record(actor=by, action="channel.greeting_bot", target=channel, enabled=enabled)
    return channel


def check_channel(*, channel: Channel, by: Actor) -> list[str] | None:
    """Try the saved settings on the provider: what does not work, in words; ``None`` where there is nothing to try.

    Takes as long as the other side does, at most a minute, so no transaction is open meanwhile.
    """
    require(by, Ability.MANAGE_CHANNELS)
    adapter = _adapter(channel.kind)
    if not isinstance(adapter, ChecksConnection):
        return None
    problems = adapter.check_connection(channel)
    if not problems:
        note_success(channel)
    return problems


def webhook_url(channel: Channel) -> str:
    """The public address that the provider calls; empty for a channel that has none."""
    if not _adapter(channel.kind).has_webhook:
        return ""
    return f"{django_settings.PUBLIC_URL.rstrip('/')}/hooks/{channel.kind}/{channel.key}/"


def _adapter(kind: str) -> ChannelAdapter:
    try:
        return adapter_for(kind)
    except KeyError:
        known = ", ".join(registered_kinds())
        raise ValidationError({"kind": _("There is no such kind of channel. Known: %(kinds)s.") % {"kinds": known}}) from None


def _clean_name(name: str) -> str:
    name = name.strip() if isinstance(name, str) else ""
    if not name or len(name) > NAME_LENGTH or "\x00" in name:
        raise ValidationError({"name": _("Give a name of 1 to %(limit)s characters.") % {"limit": NAME_LENGTH}})
    return name


def _split(adapter: ChannelAdapter, cleaned: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    secret = {field.name for field in adapter.setting_fields if field.secret}
    return {k: v for k, v in cleaned.items() if k not in secret}, {k: v for k, v in cleaned.items() if k in secret}


def _locked(channel: Channel) -> Channel:
    return Channel.objects.select_for_update().get(pk=channel.pk)
