"""Which ability a page asks for."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpResponse

from accounts.middleware import AccountRequest
from accounts.roles import Ability, require

Rest = ParamSpec("Rest")
View = Callable[Concatenate[AccountRequest, Rest], HttpResponse]


def needs(ability: Ability) -> Callable[[View], View]:
    """For views below ``/a/<slug>/``: a role without the ability is answered 403."""

    def wrap(view: View) -> View:
        @wraps(view)
        def checked(request: AccountRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            require(request.membership, ability)
            return view(request, *args, **kwargs)

        return checked

    return wrap
