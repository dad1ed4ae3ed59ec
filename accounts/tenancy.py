"""The first of two locks between accounts: managers that see only the account in scope. The second is row-level security."""

from typing import Any, Self, TypeVar

from django.db import models
from django.db.models import sql
from django_scopes import ScopeError

from accounts.scope import current_account_id, scoped_account_id

Model = TypeVar("Model", bound=models.Model, covariant=True)


class TenantQuery(sql.Query):
    """A query that compiles only in the scope it was built in, whichever queryset method asked for it."""

    built_for: int | None = None

    def _require_scope(self) -> None:
        if self.is_empty():
            return
        if self.built_for is None or self.built_for != current_account_id():
            raise ScopeError(
                f"A query on {getattr(self.model, '__name__', '?')} was built for account {self.built_for}, not for the one in scope."
            )

    def get_compiler(self, *args: Any, **kwargs: Any) -> Any:
        self._require_scope()
        return super().get_compiler(*args, **kwargs)

    def chain(self, klass: Any = None) -> Any:
        # update() and delete() turn the query into another class, which no longer asks in get_compiler.
        if klass is not None and not issubclass(klass, TenantQuery):
            self._require_scope()
        return super().chain(klass)


class TenantQuerySet(models.QuerySet[Model]):
    """A queryset of one account's rows."""

    def __init__(self, model: Any = None, query: Any = None, using: Any = None, hints: Any = None) -> None:
        if query is None and model is not None:
            query = TenantQuery(model)
            query.built_for = scoped_account_id()
            if query.built_for is not None:
                query.add_q(models.Q(account_id=query.built_for))
        super().__init__(model=model, query=query, using=using, hints=hints)

    def _insert(self, objs: Any, *args: Any, **kwargs: Any) -> Any:
        for instance in objs:
            claim_for_scope(instance)
        return super()._insert(objs, *args, **kwargs)  # type: ignore[misc]

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        current_account_id()
        return super().raw(*args, **kwargs)


def claim_for_scope(instance: Any) -> None:
    """Give a new row the scope's account; refuse one that names another account."""
    account_id = current_account_id()
    if instance.account_id is None:
        instance.account_id = account_id
    elif instance.account_id != account_id:
        raise ScopeError(f"{type(instance).__name__} belongs to account {instance.account_id}, the scope is {account_id}.")


class TenantManager(models.Manager.from_queryset(TenantQuerySet)):  # type: ignore[misc]
    """The only manager of a tenant model, for related objects and history too."""


class TenantModel(models.Model):
    """A row of one account. A child's ``Meta`` inherits from ``TenantModel.Meta``."""

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="+", editable=False, db_index=False)

    objects = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        default_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        claim_for_scope(self)
        super().save(*args, **kwargs)

    @classmethod
    def scoped(cls) -> TenantQuerySet[Self]:
        """The rows of the account in scope, typed for mypy."""
        return cls.objects.all()
