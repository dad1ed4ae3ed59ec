"""The purposes that every account begins with."""

from accounts.models import Account
from consent.models import Purpose
from consent.vocabulary import Basis, PurposeClass

# Key and class, name per language, basis, whether a grant has to be confirmed.
DEFAULTS = (
    (PurposeClass.MARKETING, {"es": "Promociones y novedades", "en": "Offers and news", "pt": "Promoções e novidades"}, Basis.CONSENT),
    (
        PurposeClass.UTILITY,
        {"es": "Avisos de pedidos", "en": "Order notices", "pt": "Avisos de pedidos"},
        Basis.CONTRACT,
    ),
    (PurposeClass.SERVICE, {"es": "Atención", "en": "Customer service", "pt": "Atendimento"}, Basis.CONTRACT),
    (PurposeClass.AUTHENTICATION, {"es": "Códigos de un solo uso", "en": "One-time codes", "pt": "Códigos de uso único"}, Basis.CONTRACT),
    (PurposeClass.LEGAL, {"es": "Avisos legales", "en": "Legal notices", "pt": "Avisos legais"}, Basis.LEGAL_DUTY),
)


def give_purposes(account: Account) -> None:
    """Listener of ``accounts.opening``: one purpose of each class, whose key is the class. Marketing asks for a confirmation."""
    Purpose.objects.bulk_create(
        [
            Purpose(
                account=account,
                key=str(each),
                purpose_class=each,
                names=names,
                legal_basis={"*": str(basis)},
                double_opt_in=each is PurposeClass.MARKETING,
                expires_after_days=730 if each is PurposeClass.MARKETING else None,
                position=position,
            )
            for position, (each, names, basis) in enumerate(DEFAULTS)
        ]
    )


def name_of(purpose: Purpose, language: str) -> str:
    """The purpose as people read it: in their language, else in any, else its key."""
    return purpose.names.get(language) or next(iter(purpose.names.values()), purpose.key)
