"""Every route × everybody who may knock × every method.

Anonymous people are sent to the login (pages) or told 401 (API); whoever is of another account finds nothing, 404; one's own with
too low a role is 403; the lowest role that may gets an answer. A refusal changes nothing, and neither does reading. A route that
is not listed here fails the last test.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse

from accounts.roles import Ability
from tests.architecture.doors import METHODS, READS, Door, api, highest_role_without, lowest_role_with, page, personal, public, routes
from tests.architecture.world import World, filled_in, fingerprint, ids_of, make_world

WORK, EDIT, SEPARATE = Ability.WORK_CONVERSATIONS, Ability.EDIT_CONTACTS, Ability.SEPARATE_CONTACTS
MERGE, CHANNELS, ACCOUNT = Ability.MERGE_CONTACTS, Ability.MANAGE_CHANNELS, Ability.MANAGE_ACCOUNT
IMPORT, EXPORT = Ability.IMPORT_PEOPLE, Ability.EXPORT_PEOPLE
MEMBERS, AUDIT, CONSENT = Ability.MANAGE_MEMBERS, Ability.READ_AUDIT, Ability.MANAGE_CONSENT

A_WEBHOOK: dict[str, Any] = {"name": "Otro", "url": "https://example.com/hook", "events": ["contact.merged"]}

DOORS: dict[str, Door] = {
    # The installation
    "healthz": public(),
    "readyz": public(),
    "metrics": public(),
    "not_offered": public(),
    "public-file": public(token="nada"),
    # accounts
    "accounts:choose": personal("GET"),
    "accounts:profile": personal("GET", "POST"),
    "accounts:settings_home": page(get=None),
    "accounts:settings": page(get=ACCOUNT, post=ACCOUNT),
    "accounts:members": page(get=MEMBERS, post=MEMBERS, body={"email": "nueva@ejemplo.cl", "name": "Nueva", "role": "agent"}),
    "accounts:member_role": page(post=MEMBERS, body={"role": "supervisor"}, membership_id="member"),
    "accounts:member_off": page(post=MEMBERS, membership_id="member"),
    "accounts:member_on": page(post=MEMBERS, membership_id="member"),
    "accounts:member_letter": page(post=MEMBERS, membership_id="member"),
    "accounts:tokens": page(get=ACCOUNT, post=ACCOUNT),
    "accounts:token_revoke": page(post=ACCOUNT, token_id="token"),
    "accounts:audit": page(get=AUDIT),
    # inbox
    "inbox:workspace": page(get=WORK),
    "inbox:rows": page(get=WORK),
    "inbox:row": page(get=WORK, conversation_id="conversation"),
    "inbox:counts": page(get=WORK),
    "inbox:find": page(get=WORK, query="?q=hola"),
    "inbox:conversation": page(get=WORK, conversation_id="conversation"),
    "inbox:earlier": page(get=WORK, conversation_id="conversation"),
    "inbox:latest": page(get=WORK, conversation_id="conversation"),
    "inbox:header": page(get=WORK, conversation_id="conversation"),
    "inbox:entry": page(get=WORK, conversation_id="conversation", message_id="message"),
    "inbox:composer": page(get=WORK, conversation_id="conversation"),
    "inbox:write": page(post=WORK, body={"mode": "note", "body": "Nota"}, conversation_id="conversation"),
    "inbox:assign": page(post=WORK, body={"to": "me"}, conversation_id="conversation"),
    "inbox:resolve": page(post=WORK, conversation_id="conversation"),
    "inbox:reopen": page(post=WORK, conversation_id="conversation"),
    "inbox:read": page(post=WORK, conversation_id="conversation"),
    "inbox:unread": page(post=WORK, conversation_id="conversation"),
    "inbox:who": page(post=WORK, conversation_id="conversation"),
    "inbox:separate": page(post=SEPARATE, conversation_id="conversation"),
    "inbox:rejoin": page(post=SEPARATE, conversation_id="conversation"),
    "inbox:split": page(post=MERGE, conversation_id="conversation"),
    "inbox:email": page(get=WORK, message_id="message"),
    "inbox:resend": page(post=WORK, message_id="message"),
    "inbox:attachment": page(get=WORK, attachment_id="attachment"),
    # contacts
    "contacts:directory": page(get=WORK),
    "contacts:reviews": page(get=MERGE),
    "contacts:review": page(post=MERGE, body={"decision": "kept"}, review_id="review"),
    "contacts:contact": page(get=WORK, contact_id="contact"),
    "contacts:correct": page(post=EDIT, body={"field": "name", "value": "Otra"}, contact_id="contact"),
    "contacts:add_identifier": page(post=EDIT, body={"kind": "email", "value": "otra@ejemplo.cl"}, contact_id="contact"),
    "contacts:mark": page(post=SEPARATE, contact_id="contact", identifier_id="identifier"),
    "contacts:show_value": page(post=WORK, contact_id="contact", identifier_id="identifier"),
    "contacts:masking": page(get=CONSENT, post=CONSENT, body={"agent": "shown", "supervisor": "shown", "admin": "shown"}),
    "contacts:send_code": page(post=EDIT, body={"sender": "email"}, contact_id="contact", identifier_id="identifier"),
    "contacts:confirm_code": page(post=EDIT, body={"code": "123456"}, contact_id="contact", identifier_id="identifier"),
    "contacts:move_identifier": page(get=MERGE, post=MERGE, body={"to": "@contact"}, contact_id="contact", identifier_id="identifier"),
    "contacts:move_back": page(post=MERGE, identifier_id="identifier"),
    "contacts:end_identifier": page(post=EDIT, contact_id="contact", identifier_id="identifier"),
    "contacts:restore_identifier": page(post=EDIT, contact_id="contact", identifier_id="identifier"),
    "contacts:separate_shared": page(post=SEPARATE, body={"profile": "@joined", "identifier": "@identifier"}, contact_id="contact"),
    "contacts:separate": page(post=MERGE, body={"profile": "@joined"}, contact_id="contact"),
    "contacts:merge": page(get=MERGE, post=MERGE, body={"with": "@contact"}, contact_id="contact"),
    # Whoever may merge may undo a merge by hand; an agent undoes an agent's separation.
    "contacts:undo": page(post=MERGE, event_id="event"),
    "contacts:quality": page(get=MERGE),
    "contacts:quality_clean": page(post=ACCOUNT),
    "contacts:quality_report": page(get=MERGE, report_id="cleaning"),
    "contacts:quality_take_back": page(post=ACCOUNT, step_id="cleaning_step"),
    "contacts:quality_start": page(post=MERGE, body={"kind": "shared"}),
    "contacts:quality_campaign": page(get=MERGE, campaign_id="campaign"),
    "contacts:quality_again": page(post=MERGE, campaign_id="campaign"),
    "contacts:quality_end": page(post=MERGE, campaign_id="campaign"),
    "contacts:quality_decide": page(post=MERGE, body={"decision": "keep"}, card_id="card"),
    "contacts:quality_undo": page(post=MERGE, card_id="card"),
    "contacts:suggestions": page(get=MERGE),
    "contacts:suggestion_figures": page(get=MERGE),
    "contacts:suggestions_certain": page(get=MERGE),
    "contacts:suggestions_accept_certain": page(post=MERGE, body={"suggestion": "@suggestion"}),
    "contacts:suggestion": page(get=MERGE, suggestion_id="suggestion"),
    "contacts:suggestion_accept": page(post=MERGE, suggestion_id="suggestion"),
    "contacts:suggestion_reject": page(post=MERGE, suggestion_id="suggestion"),
    "contacts:suggestion_defer": page(post=MERGE, body={"days": "30"}, suggestion_id="suggestion"),
    "contacts:suggestion_undo": page(post=MERGE, decision_id="decision"),
    # integrations
    "integrations:channels": page(get=CHANNELS),
    "integrations:connect": page(get=CHANNELS, post=CHANNELS, values={"kind": "whatsapp"}),
    "integrations:channel": page(get=CHANNELS, post=CHANNELS, channel_id="channel"),
    "integrations:check": page(post=CHANNELS, channel_id="channel"),
    "integrations:switch": page(post=CHANNELS, body={"active": "no"}, channel_id="channel"),
    "integrations:bot": page(post=CHANNELS, body={"bot-enabled": "on"}, channel_id="channel"),
    "integrations:replay": page(post=CHANNELS, channel_id="channel", event_id="stored_event"),
    "integrations:customer_data": page(get=ACCOUNT, post=ACCOUNT, body={"name": "Tienda"}),
    "integrations:customer_data_source": page(get=ACCOUNT, source_id="customer_source"),
    "integrations:customer_data_secret": page(post=ACCOUNT, source_id="customer_source"),
    "integrations:customer_data_rotate": page(post=ACCOUNT, source_id="customer_source"),
    "integrations:customer_data_revoke": page(post=ACCOUNT, source_id="customer_source"),
    "integrations:customer_data_replay": page(post=ACCOUNT, message_id="customer_message"),
    # Whoever has the write key: tested in tests/integrations/cdp
    "integrations:customer_data_door": public("POST", "OPTIONS", kind="track"),
    "integrations:signed_identify": public("POST", account_id="1", key="nada"),
    "integrations:customer_data_batch": public("POST", "OPTIONS"),
    "integrations:customer_data_b": public("POST", "OPTIONS"),
    "integrations:customer_data_import": public("POST", "OPTIONS"),
    "integrations:connections": page(get=CHANNELS),
    "integrations:connection_new": page(get=CHANNELS, post=CHANNELS, values={"kind": "tryton"}),
    "integrations:connection": page(get=CHANNELS, connection_id="connection"),
    "integrations:connection_settings": page(get=CHANNELS, post=CHANNELS, connection_id="connection"),
    "integrations:connection_check": page(post=CHANNELS, connection_id="connection"),
    "integrations:connection_sign_in": page(get=CHANNELS, connection_id="connection"),
    "integrations:connection_sign_in_finish": page(post=CHANNELS, connection_id="connection"),
    "integrations:oauth_callback": personal("GET"),
    "integrations:connection_pause": page(post=CHANNELS, body={"paused": "yes"}, connection_id="connection"),
    "integrations:connection_release": page(post=CHANNELS, connection_id="connection"),
    "integrations:connection_run": page(post=CHANNELS, body={"kind": "rehearsal"}, connection_id="connection"),
    "integrations:connection_progress": page(get=CHANNELS, connection_id="connection", run_id="connection_run"),
    "integrations:connection_settle": page(
        post=CHANNELS, body={"decision": "kept"}, connection_id="connection", conflict_id="connection_conflict"
    ),
    "integrations:connection_settle_undo": page(post=CHANNELS, connection_id="connection", conflict_id="connection_conflict"),
    "integrations:connection_replay": page(post=CHANNELS, connection_id="connection", letter_id="connection_letter"),
    "integrations:connection_mapping": page(get=CHANNELS, post=CHANNELS, connection_id="connection"),
    "integrations:connection_mapping_line": page(get=CHANNELS, post=CHANNELS, connection_id="connection", line_id="connection_line"),
    "integrations:connection_mapping_remove": page(post=CHANNELS, connection_id="connection", line_id="connection_line"),
    "integrations:connection_disconnect": page(post=CHANNELS, connection_id="connection"),
    # Whoever knows the secret of the other system: tested in tests/integrations/crm/test_hubspot_hooks.py
    "integrations:connection_hook": public("POST", key="unbekannt"),
    "integrations:webhooks": page(get=ACCOUNT),
    "integrations:webhook_new": page(get=ACCOUNT, post=ACCOUNT, body=A_WEBHOOK),
    "integrations:webhook": page(get=ACCOUNT, post=ACCOUNT, body=A_WEBHOOK, subscription_id="webhook"),
    "integrations:webhook_rotate": page(post=ACCOUNT, body={"overlap_hours": "1"}, subscription_id="webhook"),
    "integrations:webhook_test": page(post=ACCOUNT, subscription_id="webhook"),
    "integrations:webhook_switch": page(post=ACCOUNT, body={"active": "no"}, subscription_id="webhook"),
    "integrations:webhook_delete": page(post=ACCOUNT, subscription_id="webhook"),
    "integrations:webhook_replay_range": page(
        post=ACCOUNT, body={"since": "2026-01-01T00:00", "until": "2026-01-02T00:00"}, subscription_id="webhook"
    ),
    "integrations:webhook_delivery": page(get=ACCOUNT, delivery_id="webhook_delivery"),
    "integrations:webhook_replay": page(post=ACCOUNT, delivery_id="webhook_delivery"),
    "integrations:imports": page(get=IMPORT, post=IMPORT, body={"kind": "contacts"}),
    "integrations:import": page(get=IMPORT, import_id="upload"),
    "integrations:import_mapping": page(post=IMPORT, body={"column-0": "name", "column-1": "email"}, import_id="upload"),
    "integrations:import_start": page(post=IMPORT, body={"kind": "run"}, import_id="upload"),
    "integrations:import_progress": page(get=IMPORT, run_id="import_run"),
    "integrations:import_cancel": page(post=IMPORT, run_id="import_run"),
    "integrations:import_rejected": page(get=IMPORT, run_id="import_run"),
    "integrations:exports": page(get=EXPORT, post=EXPORT, body={"kind": "contacts", "format": "csv"}),
    "integrations:export_progress": page(get=EXPORT, export_id="bulk_export"),
    "integrations:export_file": page(get=EXPORT, post=EXPORT, export_id="bulk_export"),
    "integrations:scheduled_exports": page(get=EXPORT),
    "integrations:scheduled_export_new": page(get=EXPORT, post=EXPORT, body={"name": "Bodega", "tables": "contacts"}),
    "integrations:scheduled_export": page(get=EXPORT, post=EXPORT, body={"name": "Bodega"}, scheduled_id="scheduled_export"),
    "integrations:scheduled_export_run": page(post=EXPORT, scheduled_id="scheduled_export"),
    "integrations:scheduled_export_switch": page(post=EXPORT, body={"active": "yes"}, scheduled_id="scheduled_export"),
    "integrations:scheduled_export_delete": page(post=EXPORT, scheduled_id="scheduled_export"),
    "api:export-file": api(POST=EXPORT, ids={"pk": "bulk_export"}),
    "api:exports": api(GET=EXPORT, POST=EXPORT, bodies={"POST": {"kind": "contacts", "format": "csv"}}),
    "api:export": api(GET=EXPORT, ids={"pk": "bulk_export"}),
    "api:imports": api(GET=IMPORT, POST=IMPORT),
    "api:import": api(GET=IMPORT, PATCH=IMPORT, ids={"pk": "upload"}, bodies={"PATCH": {"mapping": ["name", "email"]}}),
    "api:import-runs": api(POST=IMPORT, ids={"pk": "upload"}, bodies={"POST": {"kind": "check"}}),
    "api:import-cancel": api(POST=IMPORT, ids={"pk": "import_run"}),
    # API
    "api:schema": public(),
    "api:docs": public(),
    "contacts:deduplication": page(get=MERGE),
    "contacts:deduplication_start": page(post=ACCOUNT, body={"kind": "whole"}),
    "contacts:deduplication_merging": page(post=ACCOUNT, body={"merges": "yes"}),
    "contacts:deduplication_progress": page(get=MERGE, run_id="search"),
    "contacts:deduplication_cancel": page(post=ACCOUNT, run_id="search"),
    "contacts:survivorship": page(get=ACCOUNT),
    "contacts:survivorship_save": page(post=ACCOUNT, body={"rule-name": "latest"}),
    "contacts:survivorship_progress": page(get=ACCOUNT, run_id="recomputation"),
    "contacts:unification": page(get=ACCOUNT),
    "contacts:unification_preview": page(post=ACCOUNT),
    "contacts:unification_switch": page(post=ACCOUNT, body={"enabled": "no"}),
    "contacts:unification_again": page(post=ACCOUNT),
    "contacts:unification_share": page(post=ACCOUNT, identifier_id="identifier"),
    "contacts:unification_progress": page(get=ACCOUNT, run_id="unification_run"),
    "api:account": api(GET=ACCOUNT, PATCH=ACCOUNT, bodies={"PATCH": {"reopen_within_hours": 5}}),
    "api:deduplication": api(GET=MERGE, POST=ACCOUNT, bodies={"POST": {"kind": "whole"}}),
    "api:deduplication-cancel": api(POST=ACCOUNT, ids={"pk": "search"}),
    "api:survivorship": api(GET=ACCOUNT, PATCH=ACCOUNT, bodies={"PATCH": {"rules": {"city": "first"}}}),
    "api:survivorship-preview": api(POST=ACCOUNT, bodies={"POST": {"rules": {"city": "first"}}}),
    "api:unification": api(GET=ACCOUNT),
    "api:unification-preview": api(POST=ACCOUNT),
    "api:unification-switch": api(POST=ACCOUNT, bodies={"POST": {"enabled": False}}),
    "api:attachment": api(GET=WORK, ids={"pk": "attachment"}),
    "api:channels": api(GET=WORK, POST=CHANNELS),
    "api:channel": api(GET=WORK, PATCH=CHANNELS, ids={"pk": "channel"}, bodies={"PATCH": {"name": "Otro"}}),
    "api:contacts": api(GET=WORK, query="?identifier=56911112222"),
    "api:contacts-merge": api(POST=MERGE, bodies={"POST": {"winner": "@contact", "losers": ["@merged"], "reason": "una persona"}}),
    "api:contact": api(GET=WORK, ids={"pk": "contact"}),
    "api:contact-unmerge": api(POST=MERGE, ids={"pk": "contact"}, bodies={"POST": {"profiles": ["@joined"]}}),
    "api:contacts-never-merge": api(POST=MERGE, bodies={"POST": {"contacts": ["@contact", "@merged"]}}),
    "api:consent-decide": api(
        POST=Ability.RECORD_CONSENT, bodies={"POST": {"identifier": "@identifier", "channel": "whatsapp", "purpose": "service"}}
    ),
    "api:consent-events": api(
        POST=Ability.RECORD_CONSENT, bodies={"POST": {"identifier": "@identifier", "action": "withdraw", "key": "matriz"}}
    ),
    "api:consent-import": api(
        POST=CONSENT, bodies={"POST": {"rows": [{"address": "ana@ejemplo.cl", "kind": "email", "action": "withdraw"}]}}
    ),
    "api:contact-consent": api(GET=WORK, ids={"pk": "contact"}),
    "api:contact-preferences": api(
        GET=WORK, PUT=Ability.RECORD_CONSENT, ids={"pk": "contact"}, bodies={"PUT": {"language": "pt", "channels": ["whatsapp"]}}
    ),
    "api:rights-requests": api(GET=CONSENT, POST=Ability.RECORD_CONSENT, bodies={"POST": {"contact": "@contact", "kind": "portability"}}),
    "api:rights-request": api(GET=CONSENT, ids={"pk": "rights_request"}),
    "api:contact-history": api(GET=WORK, ids={"pk": "contact"}),
    "api:contact-move-identifier": api(POST=MERGE, ids={"pk": "contact"}, bodies={"POST": {"identifier": "@identifier", "to": "@contact"}}),
    "api:contact-split": api(POST=MERGE, ids={"pk": "contact"}, bodies={"POST": {"conversation": "@conversation"}}),
    "api:conversations": api(GET=WORK),
    "api:conversation": api(GET=WORK, PATCH=WORK, ids={"pk": "conversation"}, bodies={"PATCH": {"status": "resolved"}}),
    "api:messages": api(
        GET=WORK,
        POST=WORK,
        ids={"pk": "conversation"},
        bodies={"POST": {"channel": "@channel", "identifier": "@identifier", "body": "Hola"}},
    ),
    "api:notes": api(POST=WORK, ids={"pk": "conversation"}, bodies={"POST": {"body": "Nota"}}),
    "api:conversation-who": api(POST=WORK, ids={"pk": "conversation"}, bodies={"POST": {"profile": "@profile"}}),
    "api:timeline": api(GET=WORK, ids={"pk": "contact"}),
    "api:suggestions": api(GET=MERGE),
    "api:suggestion": api(GET=MERGE, ids={"pk": "suggestion"}),
    "api:suggestion-accept": api(POST=MERGE, ids={"pk": "suggestion"}, bodies={"POST": {"reason": "una persona"}}),
    "api:suggestion-defer": api(POST=MERGE, ids={"pk": "suggestion"}),
    "api:suggestion-reject": api(POST=MERGE, ids={"pk": "suggestion"}),
    "api:suggestion-undo": api(POST=MERGE, ids={"pk": "suggestion"}),
    "api:webhooks": api(GET=ACCOUNT, POST=ACCOUNT, bodies={"POST": A_WEBHOOK}),
    "api:webhook": api(GET=ACCOUNT, PATCH=ACCOUNT, DELETE=ACCOUNT, ids={"pk": "webhook"}, bodies={"PATCH": {"name": "Otro"}}),
    "api:webhook-rotate": api(POST=ACCOUNT, ids={"pk": "webhook"}),
    "api:webhook-test": api(POST=ACCOUNT, ids={"pk": "webhook"}),
    "api:webhook-replay": api(
        POST=ACCOUNT, ids={"pk": "webhook"}, bodies={"POST": {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}}
    ),
    "api:webhook-deliveries": api(GET=ACCOUNT, ids={"pk": "webhook"}),
    "api:webhook-delivery": api(GET=ACCOUNT, ids={"pk": "webhook_delivery"}),
    "api:webhook-delivery-replay": api(POST=ACCOUNT, ids={"pk": "webhook_delivery"}),
    # The web chat on other people's pages: the visitor's token is in the body, the file's signature in its address
    "webchat:script": public(key="nada"),
    "webchat:code": public(wanted="nada", name="main"),
    "webchat:upload": public("POST", key="nada"),
    "webchat:file": public(key="nada", signed="nada"),
    # The customer portal: who may see what there is tested in tests/consent/portal, that reading changes nothing in
    # tests/architecture/test_reading_changes_nothing.py
    "portal:home": public(portal="nada"),
    "portal:brand": public(portal="nada"),
    "portal:sign_in": public("GET", "POST", portal="nada"),
    "portal:code": public("GET", "POST", portal="nada"),
    "portal:enter": public("GET", "POST", portal="nada"),
    "portal:sign_out": public("POST", portal="nada"),
    "portal:language": public("POST", portal="nada"),
    "portal:switch": public("POST", portal="nada"),
    "portal:stop": public("POST", portal="nada"),
    "portal:pause": public("GET", "POST", portal="nada"),
    "portal:preferences": public("GET", "POST", portal="nada"),
    "portal:wording": public("GET", "POST", portal="nada"),
    "portal:points": public("GET", "POST", portal="nada"),
    "portal:data": public("GET", "POST", portal="nada"),
    "portal:history": public(portal="nada"),
    "portal:receipt": public(portal="nada", event_id=1),
    "portal:export": public("GET", "POST", portal="nada"),
    "portal:erase": public("GET", "POST", portal="nada"),
    "portal:requests": public(portal="nada"),
    "portal:archive": public(portal="nada", request_id=1),
    "portal:not_me": public("GET", "POST", portal="nada"),
    "confirm_consent": public("GET", "POST", token="nada"),
    "unsubscribe": public("GET", "POST", token="nada"),
    "undo_unsubscribe": public("POST", token="nada"),
    "consent:purposes": page(get=CONSENT),
    "consent:purpose-new": page(get=CONSENT, post=CONSENT, body={"name_es": "Club", "purpose_class": "marketing", "basis": "consent"}),
    "consent:purpose": page(get=CONSENT, post=CONSENT, body={"name_es": "Otra", "basis": "contract"}, purpose_id="purpose"),
    "consent:purpose-archive": page(post=CONSENT, body={"archived": "yes"}, purpose_id="purpose"),
    "consent:notice-publish": page(post=CONSENT, body={"text_es": "Otro texto", "is_material": "on"}, purpose_id="purpose"),
    "consent:campaign-start": page(post=CONSENT, purpose_id="purpose"),
    "consent:campaign": page(get=CONSENT, campaign_id="reconsent"),
    "consent:campaign-cancel": page(post=CONSENT, campaign_id="reconsent"),
    "consent:sending-rules": page(
        get=CONSENT, post=CONSENT, body={"postal_address": "Otra calle 1", "cap_count": "2", "cap_days": "3", "help_es": "Somos otros."}
    ),
    "consent:registries": page(get=CONSENT, post=CONSENT, body={"country": "AR"}),
    "consent:country-rules": page(get=CONSENT),
    "consent:country-rule-correct": page(
        post=CONSENT,
        values={"country": "CL", "name": "consent_expiry"},
        body={"days": "365", "source": "Asesoría", "dated": "2026-11-01"},
    ),
    "consent:country-rule-shipped": page(post=CONSENT, values={"country": "CL", "name": "consent_expiry"}),
    "consent:retention": page(get=CONSENT),
    "consent:retention-change": page(post=CONSENT, body={"kind": "attachments", "days": "90"}),
    "consent:ledger": page(get=CONSENT),
    "consent:ledger-check": page(post=CONSENT),
    "consent:ledger-event": page(get=CONSENT, event_id="said"),
    "consent:contact": page(get=Ability.RECORD_CONSENT, post=Ability.RECORD_CONSENT, contact_id="contact"),
    "consent:contact-opt-out": page(post=Ability.RECORD_CONSENT, contact_id="contact"),
    "consent:contact-opt-out-undo": page(post=Ability.RECORD_CONSENT, contact_id="contact"),
    "consent:contact-portal-link": page(post=Ability.RECORD_CONSENT, body={"place": "0:email"}, contact_id="contact"),
    "consent:requests": page(get=CONSENT),
    "consent:request-begin": page(post=CONSENT, request_id="rights_request"),
    "consent:request-close": page(post=CONSENT, body={"decision": "done", "reason": "Listo"}, request_id="rights_request"),
    "consent:request-archive": page(get=Ability.EXPORT_PEOPLE, request_id="answered_request"),
    "consent:portal": page(get=CONSENT, post=CONSENT, body={"title": "Andes", "mark": "A", "colour": "#0b6e63"}),
    # Signing in (django-allauth)
    "account_login": public("GET", "POST"),
    "account_logout": public("GET"),
    "account_inactive": public("GET"),
    "account_signup": public("GET"),
    "account_email_verification_sent": public("GET"),
    "account_confirm_email": public("GET", key="nada"),
    "account_confirm_login_code": public("GET"),
    "account_reset_password": public("GET", "POST"),
    "account_reset_password_done": public("GET"),
    "account_reset_password_from_key": public("GET", uidb36="1", key="nada"),
    "account_reset_password_from_key_done": public("GET"),
    "mfa_authenticate": public("GET"),
    "mfa_login_webauthn": public("GET"),
    "account_reauthenticate": personal(),
    "account_email": public("GET"),
    "account_change_password": personal(),
    "account_set_password": personal(),
    "mfa_index": personal(),
    "mfa_reauthenticate": personal(),
    "mfa_activate_totp": personal(),
    "mfa_deactivate_totp": personal(),
    "mfa_view_recovery_codes": personal(),
    "mfa_generate_recovery_codes": personal(),
    "mfa_download_recovery_codes": personal(),
    "mfa_list_webauthn": personal(),
    "mfa_add_webauthn": personal(),
    "mfa_reauthenticate_webauthn": personal(),
    "mfa_remove_webauthn": personal(pk=1),
    "mfa_edit_webauthn": personal(pk=1),
}


# Sockets, and the webhooks before Django, have no route here; who may open them is tested beside them.
SOCKETS = {
    "ws/a/<slug:account_slug>/": "tests/inbox/test_consumers.py",
    "ws/chat/<str:key>/": "tests/integrations/channels/webchat/test_consumer.py",
}


@pytest.fixture(scope="module")
def worlds(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[World, World]]:
    """Two accounts, made once and for good; every test works in a transaction on top."""
    with django_db_blocker.unblock():
        yield make_world("Zunilda"), make_world("Wenceslao")


@pytest.fixture(scope="module")
def untouched(worlds: tuple[World, World], django_db_blocker: Any) -> tuple[str, str]:
    """What every test begins with: the fingerprint of the first account, and of both."""
    with django_db_blocker.unblock():
        return fingerprint(worlds[0]), fingerprint(*worlds)


@pytest.fixture
def before(untouched: tuple[str, str]) -> str:
    return untouched[0]


@pytest.fixture
def world(worlds: tuple[World, World], db: None) -> World:
    # Every test has a folder of its own for files.
    attachment = worlds[0].attachment
    attachment.file.storage.save(attachment.file.name, ContentFile(worlds[0].mark.encode()))
    attachment.file.storage.save(worlds[0].answered_request.outcome["archive"], ContentFile(worlds[0].mark.encode()))
    upload = worlds[0].upload
    upload.file.storage.save(upload.file.name, ContentFile(f"nombre;correo\n{worlds[0].mark};x@ejemplo.cl\n".encode()))
    return worlds[0]


@pytest.fixture
def elsewhere(worlds: tuple[World, World]) -> World:
    """Another account, whose administrator is the outsider."""
    return worlds[1]


def address(name: str, *, of: World, through: World | None = None) -> str:
    """The route's address with the ids of one world, below the slug of another where ``through`` is given."""
    door = DOORS[name]
    keywords = {**ids_of(of, door.names), **door.values}
    if door.kind == "page":
        keywords["account_slug"] = (through or of).account.slug
    return reverse(name, kwargs=keywords) + door.query


def knock(name: str, method: str, *, of: World, by: World | None = None, role: str = "", through: World | None = None) -> Any:
    """Send one request about the objects ``of`` a world, as its or another world's member with that role, or as nobody."""
    door, path = DOORS[name], address(name, of=of, through=through)
    client, headers = Client(raise_request_exception=False), {}
    if by is not None and door.kind == "api":
        headers["Authorization"] = f"Bearer {by.secrets[role]}"
    elif by is not None:
        client.cookies[settings.SESSION_COOKIE_NAME] = by.sessions[role]
    body = filled_in(door.bodies.get(method, {}), of)
    if door.kind == "api":
        content = b"" if method in READS else json.dumps(body).encode()
        return client.generic(method, path, content, "application/json", headers=headers)
    if method == "POST":
        return client.post(path, body, headers=headers)
    response = client.generic(method, path, headers=headers)
    if response.streaming:
        # Read to the end, as a server does: that closes the file.
        response.streaming_content = [b"".join(response.streaming_content)]
    return response


def shows(response: Any, world: World) -> bool:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return world.mark.lower() in content.decode("latin-1").lower()


def of_kind(*kinds: str) -> list[str]:
    return [name for name, door in DOORS.items() if door.kind in kinds]


@pytest.mark.parametrize("name", of_kind("page", "api"))
def test_nobody_gets_in_and_nothing_changes(name: str, world: World, before: str) -> None:

    for method in METHODS:
        response = knock(name, method, of=world)
        if DOORS[name].kind == "api":
            assert response.status_code == 401, method
            assert response.headers["WWW-Authenticate"] == "Bearer"
        else:
            assert (response.status_code, response.headers.get("Location", "")[:7]) == (302, "/login/"), method
        assert not shows(response, world), method

    assert fingerprint(world) == before


@pytest.mark.parametrize("name", of_kind("page"))
def test_another_accounts_administrator_finds_no_page_and_nothing_changes(
    name: str, world: World, elsewhere: World, untouched: tuple[str, str]
) -> None:
    door = DOORS[name]

    for method in METHODS:
        response = knock(name, method, of=world, by=elsewhere, role="admin")
        assert response.status_code == 404, method
        assert not shows(response, world), method
        if door.names:
            # Through the door of one's own account, with another account's ids.
            response = knock(name, method, of=world, by=elsewhere, role="admin", through=elsewhere)
            takes = door.takes(method) and method != "OPTIONS"
            assert response.status_code in ({404} if takes else {404, 405}), (method, response.status_code)
            assert not shows(response, world), method

    assert fingerprint(world, elsewhere) == untouched[1]


@pytest.mark.parametrize("name", of_kind("api"))
def test_another_accounts_token_finds_nothing_and_nothing_of_ours_changes(name: str, world: World, elsewhere: World, before: str) -> None:
    door = DOORS[name]

    for method in METHODS:
        response = knock(name, method, of=world, by=elsewhere, role="admin")
        if door.names and door.takes(method) and method != "OPTIONS":
            assert response.status_code == 404, method
        assert response.status_code < 500, method
        assert not shows(response, world), method

    assert fingerprint(world) == before


@pytest.mark.parametrize("name", of_kind("page", "api"))
def test_too_low_a_role_is_refused_and_nothing_changes(name: str, world: World, before: str) -> None:
    door = DOORS[name]

    for method in METHODS:
        role = highest_role_without(door.ability(method)) if door.takes(method) else None
        if role is not None:
            response = knock(name, method, of=world, by=world, role=role)
            assert response.status_code in ({403, 405} if method == "OPTIONS" else {403}), (method, response.status_code)

    assert fingerprint(world) == before


@pytest.mark.parametrize("name", of_kind("page", "api"))
def test_the_right_role_gets_an_answer_and_reading_changes_nothing(name: str, world: World, before: str) -> None:
    door = DOORS[name]

    for method in METHODS:
        role = lowest_role_with(door.ability(method)) if door.takes(method) else "admin"
        if method in READS or not door.takes(method):
            response = knock(name, method, of=world, by=world, role=role)
            right = {200, 405} if method == "OPTIONS" else {200, 204, 302, 304} if door.takes(method) else {405}
            assert response.status_code in right, (method, response.status_code)
    assert fingerprint(world) == before

    for method in door.abilities:
        if method not in READS:
            response = knock(name, method, of=world, by=world, role=lowest_role_with(door.ability(method)))
            # Without a body that makes sense a write may be refused for what it says, never for who asks.
            assert response.status_code < 500, (method, response.status_code)
            assert response.status_code not in (401, 403, 404, 405), (method, response.status_code)


@pytest.mark.parametrize("name", of_kind("personal"))
def test_what_is_ones_own_asks_for_a_login(name: str, world: World, before: str) -> None:

    for method in METHODS:
        anonymous = knock(name, method, of=world)
        if DOORS[name].takes(method) and method != "OPTIONS":
            assert (anonymous.status_code, anonymous.headers.get("Location", "")[:7]) == (302, "/login/"), method
        assert anonymous.status_code in (200, 302, 405), method
        assert knock(name, method, of=world, by=world, role="agent").status_code < 500, method
        if method in READS:
            assert fingerprint(world) == before, method
    if name.startswith("accounts:"):
        assert knock(name, "GET", of=world, by=world, role="agent").status_code < 400


@pytest.mark.parametrize("name", of_kind("open"))
def test_what_is_open_shows_nothing_of_an_account_and_changes_nothing(name: str, world: World, before: str) -> None:

    for method in METHODS:
        response = knock(name, method, of=world)
        assert response.status_code < 500, method
        assert not shows(response, world), method

    assert fingerprint(world) == before


def test_no_route_is_missing_and_none_is_listed_that_is_gone() -> None:
    assert {name for name, _pattern in routes()} == DOORS.keys()


def test_no_socket_is_missing_and_who_may_open_it_is_tested() -> None:
    from config.asgi import sockets

    assert {str(route.pattern) for route in sockets.routes} - {""} == SOCKETS.keys()
    assert all((settings.BASE_DIR / path).is_file() for path in SOCKETS.values())


@pytest.mark.parametrize(("name", "pattern"), list(routes()))
def test_the_kind_follows_from_the_address(name: str, pattern: str) -> None:
    if pattern.startswith("/a/"):
        assert DOORS[name].kind == "page"
    elif pattern.startswith("/api/") and name not in ("api:schema", "api:docs"):
        assert DOORS[name].kind == "api"
    else:
        assert DOORS[name].kind in ("open", "personal")
