"""``/p/<account>/``: the customer portal, open to everybody. Its views know its visitors (``consent.views.portal.doors``)."""

from django.urls import path

from consent.views.portal import entering, mine, receiving

app_name = "portal"
urlpatterns = [
    path("", receiving.home, name="home"),
    path("brand.css", entering.brand_sheet, name="brand"),
    path("come-in/", entering.sign_in, name="sign_in"),
    path("code/", entering.code, name="code"),
    path("link/", entering.enter, name="enter"),
    path("leave/", entering.sign_out, name="sign_out"),
    path("language/", entering.language, name="language"),
    path("switch/", receiving.switch, name="switch"),
    path("stop/", receiving.stop, name="stop"),
    path("pause/", receiving.pause, name="pause"),
    path("preferences/", receiving.preferences, name="preferences"),
    path("wording/", receiving.wording, name="wording"),
    path("addresses/", mine.points, name="points"),
    path("data/", mine.data, name="data"),
    path("history/", mine.past, name="history"),
    path("history/<int:event_id>/receipt/", mine.past_receipt, name="receipt"),
    path("export/", mine.export, name="export"),
    path("erase/", mine.erase, name="erase"),
    path("requests/", mine.requests, name="requests"),
    path("requests/<int:request_id>/archive/", mine.archive, name="archive"),
    path("not-me/", mine.not_me, name="not_me"),
]
