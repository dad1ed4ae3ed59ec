"""What a file is by its first bytes: what the sender calls it proves nothing."""

SIGNATURES = (
    ("image/png", 0, b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", 0, b"\xff\xd8\xff"),
    ("image/gif", 0, b"GIF87a"),
    ("image/gif", 0, b"GIF89a"),
    ("image/webp", 8, b"WEBP"),
)


def picture_type(content: bytes) -> str | None:
    """The content type of a picture that browsers show, ``None`` for anything else."""
    for content_type, place, signature in SIGNATURES:
        if content[place : place + len(signature)] == signature:
            return content_type
    return None
