"""Whether our own mail server vouches for the sender's domain (RFC 8601, Authentication-Results).

Anybody can write any address into From. Only the verdict of the server that we were told to trust says that the domain's
owner sent the mail; without it the address is what the sender claims to be.
"""

import re
from email.message import Message

from integrations.channels.email import headers
from integrations.channels.email.charsets import one_line

_COMMENT = re.compile(r"\([^()]*\)")
_PROPERTY = re.compile(r"\b(header\.from|header\.d|header\.i|smtp\.mailfrom)\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)


def vouched_for(mail: Message, *, sender: str, server: str) -> bool:
    """Whether ``server`` (its authserv-id) found DMARC, DKIM or SPF to pass for the domain of ``sender``.

    Only the topmost verdict of that server counts: one further down may have come with the mail.
    """
    if not server:
        return False
    domain = sender.rpartition("@")[2].lower()
    for value in headers.raw_values(mail, "Authentication-Results"):
        plain = one_line(_COMMENT.sub(" ", value))
        identity, _, verdicts = plain.partition(";")
        if identity.split(" ")[0].lower() == server.strip().lower():
            return any(_passes(verdict.strip().lower(), domain) for verdict in verdicts.split(";"))
    return False


def _passes(verdict: str, domain: str) -> bool:
    method = re.match(r"(dmarc|dkim|spf)\s*=\s*pass\b", verdict)
    if not method:
        return False
    named = {key.lower(): value.rpartition("@")[2].lower().strip(".") for key, value in _PROPERTY.findall(verdict)}
    wanted = {"dmarc": ("header.from",), "dkim": ("header.d", "header.i"), "spf": ("smtp.mailfrom",)}[method[1]]
    # A subdomain's mail is signed by its parent; the other way round, whoever runs one subdomain could speak for all.
    return any(domain == value or domain.endswith("." + value) for value in (named.get(key, "") for key in wanted) if "." in value)
