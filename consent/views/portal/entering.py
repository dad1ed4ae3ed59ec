"""Coming in and going out: the address, the code, the link. Nothing here says whether an address is known."""

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent.portal import signing_in
from consent.portal.addresses import read_address
from consent.portal.branding import shades_of
from consent.portal.languages import languages
from consent.portal.visits import LIFE, end_visit
from consent.views.portal.doors import (
    ASKER_COOKIE,
    LANGUAGE_COOKIE,
    VISIT_COOKIE,
    PortalRequest,
    client_of,
    everybody,
    forget,
    go,
    remember,
    render_page,
)

YEAR = 365 * 24 * 3600


class AddressForm(forms.Form):
    address = forms.CharField(max_length=320, label=gettext_lazy("Email or phone number"))

    def __init__(self, *args: object, kinds: list[str], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["address"]
        attributes = {"autocomplete": "email", "autocapitalize": "none", "spellcheck": "false"}
        if kinds == ["email"]:
            field.label = _("Email")
            attributes |= {"inputmode": "email", "autocomplete": "email"}
        elif kinds == ["phone"]:
            field.label = _("Phone number")
            attributes |= {"inputmode": "tel", "autocomplete": "tel"}
        field.widget.attrs |= attributes
        self._kinds = kinds

    def clean_address(self) -> str:
        ref = read_address(self.cleaned_data["address"])
        if ref is None or ref.kind not in self._kinds:
            raise (
                ValidationError(_("Write an email such as ana@example.com."), code="unreadable")
                if self._kinds == ["email"]
                else ValidationError(_("Write an email, or a phone number with its country code."), code="unreadable")
            )
        self.ref = ref
        return self.cleaned_data["address"]


class CodeForm(forms.Form):
    code = forms.CharField(max_length=20, label=gettext_lazy("Code of six digits"))

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["code"].widget.attrs |= {"inputmode": "numeric", "autocomplete": "one-time-code", "class": "code-input"}


@require_http_methods(["GET", "HEAD", "POST"])
@everybody
def sign_in(request: PortalRequest) -> HttpResponse:
    kinds = signing_in.kinds_that_can_be_asked()
    form = AddressForm(request.POST or None, kinds=kinds) if kinds else None
    if form is not None and request.method == "POST" and form.is_valid():
        try:
            asker = signing_in.ask(ref=form.ref, client=client_of(request), language=request.portal_language)
        except ValidationError as error:
            form.add_error(None, error)
            return render_page(request, "portal/sign_in.html", {"form": form}, status=429)
        response = go(request, "code")
        remember(response, request, ASKER_COOKIE, asker, seconds=int(signing_in.LIFE.total_seconds()))
        return response
    return render_page(request, "portal/sign_in.html", {"form": form}, status=422 if form is not None and form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@everybody
def code(request: PortalRequest) -> HttpResponse:
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            entered = signing_in.enter_by_code(asker=request.COOKIES.get(ASKER_COOKIE, ""), code=form.cleaned_data["code"])
        except signing_in.NoEntry as error:
            form.add_error("code", error)
        else:
            return _welcome(request, entered)
    return render_page(
        request, "portal/code.html", {"form": form, "minutes": _minutes()}, status=422 if form.errors and request.method == "POST" else 200
    )


@require_http_methods(["GET", "HEAD", "POST"])
@everybody
def enter(request: PortalRequest) -> HttpResponse:
    """A link of a letter leads here. Opening it does nothing, since mail scanners open links: the button does."""
    if request.method != "POST":
        return render_page(request, "portal/enter.html", {"token": request.GET.get("t", "")[:200]})
    try:
        entered = signing_in.enter_by_link(request.POST.get("t", ""))
    except signing_in.NoEntry as error:
        return render_page(request, "portal/no_entry.html", {"problem": error.messages[0]}, status=410)
    return _welcome(request, entered)


def _welcome(request: PortalRequest, entered: signing_in.Entered) -> HttpResponse:
    response = go(request, "points", done="shown") if not entered.token else go(request, "home")
    forget(response, request, ASKER_COOKIE)
    if entered.token:
        remember(response, request, VISIT_COOKIE, entered.token, seconds=int(LIFE.total_seconds()))
    return response


def _minutes() -> int:
    return int(signing_in.LIFE.total_seconds() // 60)


@require_POST
@everybody
def sign_out(request: PortalRequest) -> HttpResponse:
    if request.visit is not None:
        end_visit(request.visit)
    response = go(request, "sign_in", done="out")
    forget(response, request, VISIT_COOKIE)
    return response


@require_POST
@everybody
def language(request: PortalRequest) -> HttpResponse:
    """The switch. It leads back to the page on which it stood."""
    chosen, back = request.POST.get("language", ""), request.POST.get("back", "")
    response = go(request, "home")
    if back.startswith(response["Location"]) and "//" not in back:
        response["Location"] = back
    if chosen in languages():
        remember(response, request, LANGUAGE_COOKIE, chosen, seconds=YEAR)
    return response


@require_safe
@everybody
def brand_sheet(request: PortalRequest) -> HttpResponse:
    """The account's colour as a style sheet: the content policy allows no style inside a page."""
    rules = ""
    if request.brand.colour:
        shades = shades_of(request.brand.colour)
        pairs = {"--brand": (shades.light, shades.dark), "--brand-ink": (shades.light_ink, shades.dark_ink)}
        rules = ":root{" + "".join(f"{name}:light-dark({light},{dark});" for name, (light, dark) in pairs.items()) + "}\n"
    return HttpResponse(rules, content_type="text/css; charset=utf-8")
