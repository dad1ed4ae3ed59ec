"""Where one goes after signing in, one's own profile, and the account's settings."""

from django.urls import path

from accounts.views import account_settings, audit, choosing, members, profile, tokens

app_name = "accounts"
SETTINGS = "a/<slug:account_slug>/settings/"
urlpatterns = [
    path("", choosing.choose, name="choose"),
    path("profile/", profile.profile, name="profile"),
    path(SETTINGS, account_settings.settings_home, name="settings_home"),
    path(f"{SETTINGS}account/", account_settings.account, name="settings"),
    path(f"{SETTINGS}members/", members.members, name="members"),
    path(f"{SETTINGS}members/<int:membership_id>/role/", members.change_role, name="member_role"),
    path(f"{SETTINGS}members/<int:membership_id>/off/", members.switch_off, name="member_off"),
    path(f"{SETTINGS}members/<int:membership_id>/on/", members.switch_on, name="member_on"),
    path(f"{SETTINGS}members/<int:membership_id>/letter/", members.send_letter, name="member_letter"),
    path(f"{SETTINGS}tokens/", tokens.tokens, name="tokens"),
    path(f"{SETTINGS}tokens/<int:token_id>/revoke/", tokens.revoke, name="token_revoke"),
    path(f"{SETTINGS}audit/", audit.audit, name="audit"),
]
