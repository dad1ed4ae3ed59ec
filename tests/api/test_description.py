"""The OpenAPI description is valid, complete, and its page obeys a content policy."""

from typing import Any

from django.core.management import call_command
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema


def description() -> dict[str, Any]:
    return SchemaGenerator(urlconf="config.urls").get_schema(request=None, public=True)


def test_the_description_is_valid_and_without_warnings(tmp_path: Any) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))


def test_every_operation_says_how_it_refuses() -> None:
    schema = description()
    validate_schema(schema)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["security"] == [{"token": []}], where
            assert {"401", "403", "429"} <= operation["responses"].keys(), where
            assert operation.get("summary"), where
            names = {parameter["name"] for parameter in operation.get("parameters", [])}
            assert ("Idempotency-Key" in names) == (method != "get"), where
            if "{" in path:
                assert "404" in operation["responses"], where


def test_a_list_is_described_as_pages() -> None:
    paths = description()["paths"]
    for path in ("contacts", "conversations", "exports", "imports", "rights-requests", "webhooks"):
        content = paths[f"/api/v1/{path}/"]["get"]["responses"]["200"]["content"]["application/json"]
        assert content["schema"]["$ref"].startswith("#/components/schemas/Paginated"), path


def test_the_contract_is_there() -> None:
    paths = description()["paths"]
    for path, methods in {
        "/api/v1/account/": {"get", "patch"},
        "/api/v1/attachments/{id}/": {"get"},
        "/api/v1/channels/": {"get", "post"},
        "/api/v1/channels/{id}/": {"get", "patch"},
        "/api/v1/contacts/": {"get"},
        "/api/v1/contacts/{id}/": {"get"},
        "/api/v1/contacts/{id}/timeline/": {"get"},
        "/api/v1/contacts/merge/": {"post"},
        "/api/v1/contacts/{id}/unmerge/": {"post"},
        "/api/v1/conversations/": {"get"},
        "/api/v1/conversations/{id}/": {"get", "patch"},
        "/api/v1/conversations/{id}/messages/": {"get", "post"},
        "/api/v1/conversations/{id}/notes/": {"post"},
    }.items():
        assert methods <= paths[path].keys(), path


def test_schema_and_page_are_open_and_use_nobody_elses_server(db: None) -> None:
    client = Client()
    assert client.get("/api/v1/schema/").status_code == 200
    page = client.get("/api/v1/docs/")
    policy = page["Content-Security-Policy"]

    assert page.status_code == 200
    assert "script-src 'self';" in policy + ";"
    assert b"<script>" not in page.content
    assert b"https://" not in page.content
    script = client.get("/api/v1/docs/?script=")
    assert script["Content-Type"] == "application/javascript"
