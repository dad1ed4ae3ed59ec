"""One file of ours, for the provider that was given its address."""

from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe

from accounts.scope import account_scope
from inbox.models import Attachment
from integrations.public_files import read_token


@require_safe
def public_file(request: HttpRequest, token: str) -> FileResponse:
    """The bytes for whoever has a token that is not an hour old; everything else is 404."""
    named = read_token(token)
    if named is None:
        raise Http404
    with account_scope(named.account_id):
        attachment = Attachment.objects.filter(pk=named.attachment_id, state=Attachment.State.STORED).first()
        if attachment is None or not attachment.file:
            raise Http404
        response = FileResponse(attachment.file.open("rb"), content_type=attachment.content_type or "application/octet-stream")
    response["Content-Disposition"] = "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
