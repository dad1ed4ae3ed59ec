"""``/a/<slug>/…``: what administrators set about consent."""

from django.urls import path

from consent.views import (
    campaigns,
    country_rules,
    ledger,
    portal_settings,
    purposes,
    registries,
    retention,
    rights_requests,
    sending_rules,
    witnessing,
)

app_name = "consent"
urlpatterns = [
    path("settings/purposes/", purposes.purposes, name="purposes"),
    path("settings/purposes/new/", purposes.new_purpose, name="purpose-new"),
    path("settings/purposes/<int:purpose_id>/", purposes.purpose, name="purpose"),
    path("settings/purposes/<int:purpose_id>/archive/", purposes.archive, name="purpose-archive"),
    path("settings/purposes/<int:purpose_id>/notices/", purposes.publish, name="notice-publish"),
    path("settings/purposes/<int:purpose_id>/campaigns/", campaigns.start, name="campaign-start"),
    path("settings/purposes/campaigns/<int:campaign_id>/", campaigns.campaign, name="campaign"),
    path("settings/purposes/campaigns/<int:campaign_id>/cancel/", campaigns.cancel, name="campaign-cancel"),
    path("settings/sending/", sending_rules.sending_rules, name="sending-rules"),
    path("settings/registries/", registries.registries, name="registries"),
    path("settings/countries/", country_rules.country_rules, name="country-rules"),
    path("settings/countries/<str:country>/<str:name>/", country_rules.correct, name="country-rule-correct"),
    path("settings/countries/<str:country>/<str:name>/shipped/", country_rules.shipped, name="country-rule-shipped"),
    path("settings/retention/", retention.retention, name="retention"),
    path("settings/retention/change/", retention.change, name="retention-change"),
    path("settings/ledger/", ledger.ledger, name="ledger"),
    path("settings/ledger/check/", ledger.check, name="ledger-check"),
    path("settings/ledger/<int:event_id>/", ledger.event, name="ledger-event"),
    path("contacts/<int:contact_id>/consent/", witnessing.contact_consent, name="contact"),
    path("contacts/<int:contact_id>/consent/opt-out/", witnessing.opt_out, name="contact-opt-out"),
    path("contacts/<int:contact_id>/consent/opt-out/undo/", witnessing.take_back, name="contact-opt-out-undo"),
    path("contacts/<int:contact_id>/consent/portal-link/", witnessing.send_portal_link, name="contact-portal-link"),
    path("settings/portal/", portal_settings.portal_settings, name="portal"),
    path("settings/requests/", rights_requests.requests, name="requests"),
    path("settings/requests/<int:request_id>/begin/", rights_requests.begin, name="request-begin"),
    path("settings/requests/<int:request_id>/close/", rights_requests.close, name="request-close"),
    path("settings/requests/<int:request_id>/archive/", rights_requests.archive, name="request-archive"),
]
