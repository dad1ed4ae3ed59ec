"""Who can log in to the demo."""

from dataclasses import dataclass

# Printed by `make run`, for the demo on this machine only.
PASSWORD = "hilo-demo-2026"  # noqa: S105


@dataclass(frozen=True)
class Login:
    """A member of the demo's first account."""

    role: str
    email: str


LOGINS = (
    Login("agent", "agente@andes.example"),
    Login("supervisor", "supervisora@andes.example"),
    Login("admin", "admin@andes.example"),
)
