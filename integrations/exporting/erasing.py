"""When a person is erased, so are the exported files that may name them: they can be made again."""

from django.core.files.storage import default_storage

from contacts.erasers import Person, Report
from integrations.models.exports import Export


def forget_files(_person: Person, report: Report) -> None:
    """Registered with ``contacts.erasers``."""
    for export in Export.scoped().exclude(file=""):
        default_storage.delete(export.file)
        report.removed["exported_files"] += Export.scoped().filter(pk=export.pk).update(file="")
    # What was searched for may be the person's name.
    Export.scoped().exclude(filters__q="").update(filters={})
