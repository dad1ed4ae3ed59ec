"""Routes below ``/a/<slug>/``."""

from django.urls import path

from inbox.views import actions, composer, files, listing, splitting, thread

urlpatterns = [
    path("inbox/", listing.workspace, name="workspace"),
    path("inbox/rows/", listing.rows, name="rows"),
    path("inbox/rows/<int:conversation_id>/", listing.row, name="row"),
    path("inbox/counts/", listing.counts, name="counts"),
    path("inbox/find/", listing.find, name="find"),
    path("inbox/<int:conversation_id>/", thread.conversation, name="conversation"),
    path("inbox/<int:conversation_id>/earlier/", thread.earlier, name="earlier"),
    path("inbox/<int:conversation_id>/latest/", thread.latest, name="latest"),
    path("inbox/<int:conversation_id>/header/", thread.header, name="header"),
    path("inbox/<int:conversation_id>/entries/<int:message_id>/", thread.entry, name="entry"),
    path("inbox/<int:conversation_id>/composer/", composer.composer, name="composer"),
    path("inbox/<int:conversation_id>/write/", composer.write, name="write"),
    path("inbox/<int:conversation_id>/assign/", actions.assign, name="assign"),
    path("inbox/<int:conversation_id>/resolve/", actions.resolve, name="resolve"),
    path("inbox/<int:conversation_id>/reopen/", actions.reopen, name="reopen"),
    path("inbox/<int:conversation_id>/read/", actions.read, name="read"),
    path("inbox/<int:conversation_id>/unread/", actions.unread, name="unread"),
    path("inbox/<int:conversation_id>/who/", actions.who, name="who"),
    path("inbox/<int:conversation_id>/separate/", actions.separate, name="separate"),
    path("inbox/<int:conversation_id>/rejoin/", actions.rejoin, name="rejoin"),
    path("inbox/<int:conversation_id>/split/", splitting.split, name="split"),
    path("inbox/messages/<int:message_id>/html/", files.email_frame, name="email"),
    path("inbox/messages/<int:message_id>/resend/", composer.resend, name="resend"),
    path("inbox/attachments/<int:attachment_id>/", files.attachment, name="attachment"),
]
