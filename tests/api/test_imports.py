"""A file by the API: uploaded, its columns put right, checked, taken in, watched and undone."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Account
from contacts.queries import visible_contacts
from integrations.importing.running import carry_out
from tests.api.conftest import ApiClient

PEOPLE = "Código;Dato;Correo\nA1;María Pérez;maria@ejemplo.cl\nA2;Rosa Díaz;rosa(arroba)ejemplo.cl\n"


def sent(api: ApiClient, content: bytes, **fields: str) -> Any:
    file = SimpleUploadedFile("clientes.csv", content)
    return api.client.post("/api/v1/imports/", {"file": file, **fields}, headers={"Authorization": f"Bearer {api.token}"})


def does(api: ApiClient, pk: int, kind: str) -> dict[str, Any]:
    asked = api.post(f"imports/{pk}/runs/", {"kind": kind})
    assert asked.status_code == 202, asked.content
    carry_out(run_id=asked.json()["id"])
    return next(run for run in api.get(f"imports/{pk}/").json()["runs"] if run["id"] == asked.json()["id"])


def test_from_the_upload_to_the_undo(api: ApiClient, scoped: Account) -> None:
    made = sent(api, PEOPLE.encode("cp1252"), kind="contacts")
    assert made.status_code == 201, made.content
    told = made.json()
    assert (told["format"], told["encoding"], told["mapping"][0], told["mapping"][2]) == ("csv", "cp1252", "external_id", "email")
    assert made["Location"].endswith(f"/api/v1/imports/{told['id']}/")
    changed = api.patch(f"imports/{told['id']}/", {"mapping": ["external_id", "name", "email"]})
    assert changed.json()["mapping"] == ["external_id", "name", "email"]

    check = does(api, told["id"], "check")
    assert (check["state"], check["figures"]["counts"], visible_contacts().count()) == ("done", {"created": 1, "rejected": 1}, 0)
    run = does(api, told["id"], "run")
    assert (run["state"], run["figures"]["reasons"], [each.name for each in visible_contacts()]) == (
        "done",
        {"bad_email": 1},
        ["María Pérez"],
    )
    assert api.post(f"imports/{told['id']}/runs/", {"kind": "run"}).status_code == 409
    assert does(api, told["id"], "undo")["figures"]["counts"] == {"removed": 1}
    assert not visible_contacts().exists()


def test_whoever_may_not_import_uploads_nothing(api: ApiClient, agent_api: ApiClient, outsider_api: ApiClient, scoped: Account) -> None:
    made = sent(api, PEOPLE.encode(), kind="contacts").json()

    assert sent(agent_api, PEOPLE.encode(), kind="contacts").status_code == 403
    assert outsider_api.get(f"imports/{made['id']}/").status_code == 404
    assert sent(api, b"\x00\x01\x02" * 50, kind="contacts").status_code == 422
    assert [each["id"] for each in api.get("imports/").json()["results"]] == [made["id"]]
