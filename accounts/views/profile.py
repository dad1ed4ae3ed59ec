"""``/profile/``: one's own name, language and look, and the ways to sign in."""

from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.entrances import accounts_of_user
from accounts.models import User


class ProfileForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ["name", "language", "theme", "density"]


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    user = request.user
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        with translation.override(saved.language):
            messages.success(request, _("Saved."))
        return redirect("accounts:profile")
    context = {
        "form": form,
        "accounts": accounts_of_user(user.pk or 0),
        "ways_in": set(Authenticator.objects.filter(user_id=user.pk).values_list("type", flat=True)),
    }
    return render(request, "accounts/profile.html", context, status=422 if form.errors else 200)
