"""The pages of an account: choosing it, one's profile, settings, people, tokens, audit."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.test import Client

from accounts.actors import SYSTEM, Actor
from accounts.audit_trail import ACTION_WORDS
from accounts.auditing import record
from accounts.languages import COOKIE
from accounts.models import Account, ApiToken, AuditEntry, Membership, User
from accounts.roles import Role
from accounts.scope import account_scope
from tests.conftest import PASSWORD, client_for, make_member, make_user


def settings_url(account: Account, page: str = "") -> str:
    return f"/a/{account.slug}/settings/{page}"


def text(response: Any) -> str:
    return response.content.decode()


def fresh(account: Account) -> Account:
    with account_scope(account):
        return Account.objects.get(pk=account.pk)


class TestChoosing:
    def test_one_account_goes_straight_to_its_inbox(self, agent: Membership, agent_client: Client, account: Account) -> None:
        response = agent_client.get("/")

        assert response.status_code == 302
        assert response["Location"] == f"/a/{account.slug}/inbox/"

    def test_several_are_offered(self, agent: Membership, agent_client: Client, account: Account, standard_account: Account) -> None:
        with account_scope(standard_account):
            Membership.objects.create(user=agent.user, role=Role.AGENT)

        page = text(agent_client.get("/"))

        assert f"/a/{account.slug}/inbox/" in page
        assert f"/a/{standard_account.slug}/inbox/" in page

    def test_none_says_what_to_do(self, db: None) -> None:
        client = Client()
        user = make_user("nadie")
        client.force_login(user)

        response = client.get("/")

        assert response.status_code == 200
        assert user.email in text(response)

    def test_an_account_one_was_switched_off_in_is_not_offered(self, agent: Membership, agent_client: Client, account: Account) -> None:
        with account_scope(account):
            Membership.objects.filter(pk=agent.pk).update(is_active=False)

        assert account.slug not in text(agent_client.get("/"))

    def test_anonymous_people_sign_in_first(self, db: None) -> None:
        assert Client().get("/")["Location"] == "/login/?next=/"


class TestProfile:
    def test_name_language_theme_and_density_are_kept(self, agent: Membership, agent_client: Client) -> None:
        response = agent_client.post(
            "/profile/", {"name": "Laura V.", "language": "en", "theme": "dark", "density": "compact"}, follow=True
        )

        user = User.objects.get(pk=agent.user_id)
        assert (user.name, user.language, user.theme, user.density) == ("Laura V.", "en", "dark", "compact")
        assert agent_client.cookies[COOKIE].value == "en"
        page = text(response)
        assert '<html lang="en" data-theme="dark" data-density="compact">' in page
        assert "Saved." in page

    def test_a_wrong_value_changes_nothing(self, agent: Membership, agent_client: Client) -> None:
        response = agent_client.post("/profile/", {"name": "x", "language": "xx", "theme": "dark", "density": "compact"})

        assert response.status_code == 422
        assert User.objects.get(pk=agent.user_id).name == "Laura"

    def test_it_cannot_change_who_one_is(self, agent: Membership, agent_client: Client) -> None:
        values = {"name": "x", "language": "es", "theme": "dark", "density": "compact"}
        agent_client.post("/profile/", {**values, "email": "otra@ejemplo.cl", "is_superuser": "on", "is_staff": "on"})

        user = User.objects.get(pk=agent.user_id)
        assert (user.email, user.is_superuser, user.is_staff) == (agent.user.email, False, False)

    def test_the_links_to_the_ways_in_lead_somewhere(self, agent_client: Client) -> None:
        page = text(agent_client.get("/profile/"))
        for link in ("/password/change/", "/2fa/totp/activate/", "/2fa/webauthn/add/"):
            assert f'href="{link}"' in page
            # Where a password is asked for once more, that page is the answer.
            assert agent_client.get(link, follow=True).status_code == 200

    def test_the_language_holds_from_the_first_answer_after_the_login(self, agent: Membership) -> None:
        User.objects.filter(pk=agent.user_id).update(language="en")
        client = Client(headers={"accept-language": "es"})

        client.post("/login/", {"login": agent.user.email, "password": PASSWORD})

        assert client.cookies[COOKIE].value == "en"
        assert '<html lang="en"' in text(client.get("/profile/"))


class TestAccountSettings:
    VALUES = {
        "name": "Los Andes",
        "language": "es",
        "timezone": "America/Lima",
        "default_region": "pe",
        "new_contact_after_hours": "12",
        "reopen_within_hours": "24",
        "conversation_per_channel": "on",
        "name_conflict": "suggest",
        "matching_policy": "deterministic",
        "claimed_suggests_only": "on",
        "shared_after_names": "5",
        "max_profiles_per_contact": "50",
        "max_merges_per_hour": "20",
        "recycled_after_days": "90",
        "stale_after_months": "6",
        "retire_visitors_after_days": "",
    }

    def test_they_are_changed_and_written_down(self, admin_client: Client, account: Account) -> None:
        response = admin_client.post(settings_url(account, "account/"), self.VALUES, follow=True)

        assert response.status_code == 200
        changed = fresh(account)
        assert (changed.name, changed.timezone, changed.default_region) == ("Los Andes", "America/Lima", "PE")
        assert (changed.new_contact_after_hours, changed.reopen_within_hours) == (12, 24)
        assert (changed.conversation_per_channel, changed.name_conflict) == (True, "suggest")
        assert (changed.matching_policy, changed.claimed_suggests_only, changed.shared_after_names) == ("deterministic", True, 5)
        assert (changed.max_profiles_per_contact, changed.max_merges_per_hour, changed.recycled_after_days) == (50, 20, 90)
        assert (changed.stale_after_months, changed.retire_visitors_after_days) == (6, None)
        assert changed.unification_enabled is True
        with account_scope(account):
            assert AuditEntry.objects.get().detail["changed"]["timezone"] == ["America/Santiago", "America/Lima"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [("timezone", "Marte"), ("default_region", "ZZ"), ("new_contact_after_hours", "0"), ("name", " "), ("shared_after_names", "0")],
    )
    def test_a_wrong_value_is_said_beside_its_field(self, admin_client: Client, account: Account, field: str, value: str) -> None:
        response = admin_client.post(settings_url(account, "account/"), {**self.VALUES, field: value})

        assert response.status_code == 422
        assert f'id="id_{field}_error"' in text(response)
        assert fresh(account).timezone == "America/Santiago"

    @pytest.mark.parametrize(("role", "where"), [("admin", "settings/account/"), ("supervisor", "settings/audit/"), ("agent", "/profile/")])
    def test_the_door_leads_to_what_the_role_may_open(self, account: Account, role: str, where: str) -> None:
        response = client_for(make_member(account, role, "bruno")).get(settings_url(account), follow=True)

        assert response.status_code == 200
        assert response.request["PATH_INFO"].endswith(where)


class TestPeople:
    def test_somebody_is_invited(self, admin_client: Client, account: Account) -> None:
        page = settings_url(account, "members/")

        response = admin_client.post(page, {"email": "nora@ejemplo.cl", "name": "Nora", "role": "supervisor"}, follow=True)

        assert "nora@ejemplo.cl" in text(response)
        assert mail.outbox[0].to == ["nora@ejemplo.cl"]
        with account_scope(account):
            member = Membership.objects.get(user__email="nora@ejemplo.cl")
            assert member.role == "supervisor"
        admin_client.post(f"{page}{member.pk}/letter/")
        assert len(mail.outbox) == 2

    def test_a_letter_that_cannot_leave_is_told_and_the_person_stays(self, admin_client: Client, account: Account, settings: Any) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

        response = admin_client.post(
            settings_url(account, "members/"), {"email": "nora@ejemplo.cl", "name": "", "role": "agent"}, follow=True
        )

        assert 'class="toast error"' in text(response)
        with account_scope(account):
            assert Membership.objects.filter(user__email="nora@ejemplo.cl").exists()

    def test_a_wrong_address_is_said_and_nobody_invited(self, admin_client: Client, account: Account, agent: Membership) -> None:
        for email in ("no-es-correo", agent.user.email):
            response = admin_client.post(settings_url(account, "members/"), {"email": email, "name": "", "role": "agent"})
            assert response.status_code == 422
            assert 'id="id_email_error"' in text(response)
        assert mail.outbox == []

    def test_role_and_access_are_changed(self, admin_client: Client, account: Account, agent: Membership) -> None:
        page = settings_url(account, f"members/{agent.pk}/")
        admin_client.post(f"{page}role/", {"role": "supervisor"})
        admin_client.post(f"{page}off/")
        with account_scope(account):
            changed = Membership.objects.get(pk=agent.pk)
        assert (changed.role, changed.is_active) == ("supervisor", False)
        admin_client.post(f"{page}on/")
        with account_scope(account):
            assert Membership.objects.get(pk=agent.pk).is_active

    def test_the_last_administrator_is_told_why_not(self, admin: Membership, admin_client: Client, account: Account) -> None:
        for path, body in (("off/", {}), ("role/", {"role": "agent"}), ("role/", {"role": "boss"})):
            response = admin_client.post(settings_url(account, f"members/{admin.pk}/{path}"), body, follow=True)
            assert 'class="toast error"' in text(response)
        with account_scope(account):
            assert Membership.objects.get(pk=admin.pk).role == "admin"

    def test_another_accounts_member_is_not_there(self, admin_client: Client, account: Account, outsider: Membership) -> None:
        for path in ("role/", "off/", "on/", "letter/"):
            assert admin_client.post(settings_url(account, f"members/{outsider.pk}/{path}"), {"role": "agent"}).status_code == 404
        with account_scope(outsider.account_id):
            assert Membership.objects.get(pk=outsider.pk).is_active
        assert mail.outbox == []


class TestTokens:
    def test_a_token_is_shown_once_and_works(self, admin: Membership, admin_client: Client, account: Account) -> None:
        page = settings_url(account, "tokens/")

        response = admin_client.post(page, {"name": "Informes", "member": admin.pk})

        secret = re.search(r"hilo_[\w-]{43}", text(response))[0]
        assert "no-store" in response["Cache-Control"]
        assert secret not in text(admin_client.get(page))
        answer = Client().get("/api/v1/account/", headers={"Authorization": f"Bearer {secret}"})
        assert answer.json()["slug"] == account.slug
        with account_scope(account):
            token = ApiToken.objects.get()
        admin_client.post(f"{page}{token.pk}/revoke/")
        assert Client().get("/api/v1/account/", headers={"Authorization": f"Bearer {secret}"}).status_code == 401

    def test_it_acts_only_as_a_member_of_the_account(self, admin_client: Client, account: Account, outsider: Membership) -> None:
        response = admin_client.post(settings_url(account, "tokens/"), {"name": "x", "member": outsider.pk})

        assert response.status_code == 422
        with account_scope(account):
            assert not ApiToken.objects.exists()


class TestAudit:
    def entries(self, account: Account, count: int) -> None:
        with account_scope(account):
            for number in range(count):
                record(actor=SYSTEM, action="contact.merge" if number % 2 else "account.change", number=number)

    def test_pages_go_back_in_time_and_hold_every_entry_once(
        self, supervisor: Membership, supervisor_client: Client, account: Account
    ) -> None:
        self.entries(account, 120)
        seen, url = [], "?"
        while url:
            page = text(supervisor_client.get(settings_url(account, f"audit/{url}")))
            seen += re.findall(r"number: (\d+)", page)
            older = re.search(r'href="(\?[^"]*before=[^"]*)" rel="next"', page)
            url = older[1].replace("&amp;", "&") if older else ""

        assert seen == [str(number) for number in reversed(range(120))]

    def test_it_is_filtered(self, supervisor_client: Client, admin: Membership, account: Account) -> None:
        self.entries(account, 4)
        with account_scope(account):
            record(actor=Actor.person(admin), action="contact.merge", number=99)
        page = settings_url(account, "audit/")

        assert re.findall(r"number: (\d+)", text(supervisor_client.get(f"{page}?about=contact"))) == ["99", "3", "1"]
        assert re.findall(r"number: (\d+)", text(supervisor_client.get(f"{page}?member={admin.pk}"))) == ["99"]
        assert re.findall(r"number: (\d+)", text(supervisor_client.get(f"{page}?until=2020-01-01"))) == []
        assert len(re.findall(r"number: (\d+)", text(supervisor_client.get(f"{page}?since=2020-01-01")))) == 5

    @pytest.mark.parametrize("cursor", ["x", "2026-01-01_1", "2026-01-01T00:00:00+00:00_x", "_", "2026-01-01T00:00:00+00:00_" + "9" * 30])
    def test_a_broken_cursor_is_404(self, supervisor_client: Client, account: Account, cursor: str) -> None:
        assert supervisor_client.get(settings_url(account, "audit/"), {"before": cursor}).status_code == 404

    def test_it_takes_the_same_queries_at_2_and_40(
        self, supervisor_client: Client, account: Account, django_assert_num_queries: Any
    ) -> None:
        page = settings_url(account, "audit/")
        supervisor_client.get(page)
        for count in (2, 38):
            self.entries(account, count)
            with django_assert_num_queries(7):
                supervisor_client.get(page)

    def test_every_action_has_words(self) -> None:
        found = set()
        for room in ("accounts", "contacts", "consent", "inbox", "integrations"):
            for path in (Path(django_settings.BASE_DIR) / room).rglob("*.py"):
                for call in re.findall(r"\brecord\((.*?)\)\n", path.read_text(), re.DOTALL):
                    found |= set(re.findall(r'"([a-z_]+\.[a-z_]+)"', call))
        assert "contact.merge" in found
        assert found <= ACTION_WORDS.keys()


def test_the_name_of_a_strangers_host_is_refused_in_plain_words(client: Client, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["hilo.example"]

    assert client.get("/login/", headers={"Host": "somewhere.else"}).status_code == 400
