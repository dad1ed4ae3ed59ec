"""Tables that leave by themselves: into a folder and into a real S3 server, resumable, tried again, and by right only."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pyarrow.parquet as pq
import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone
from moto.server import ThreadedMotoServer

from accounts.models import Account, AuditEntry, Membership
from accounts.roles import Role
from contacts.erasing import erase
from contacts.masking import Level
from contacts.matching import take_record
from contacts.merging import merge
from contacts.models import Profile, Source
from integrations.models import ScheduledExport, ScheduledExportRun
from integrations.scheduled_exports import running, setting_up
from integrations.scheduled_exports.buckets import BucketStore, require_bucket
from integrations.scheduled_exports.folders import FolderStore
from integrations.scheduled_exports.setting_up import Wish
from tests.contacts.stories import at, claim, person

State = ScheduledExportRun.State


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.ETL_DIR = str(tmp_path / "etl")
    return tmp_path / "etl"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An S3-compatible server on the loop-back interface."""
    running_server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running_server.start()
    host, port = running_server.get_host_and_port()
    yield f"http://{host}:{port}"
    running_server.stop()


def client_of(server: str) -> Any:
    return boto3.client("s3", endpoint_url=server, region_name="us-east-1", aws_access_key_id="id", aws_secret_access_key="key")


@pytest.fixture
def bucket(server: str, settings: Any) -> str:
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    name = f"bodega-{hashlib.sha256(str(timezone.now()).encode()).hexdigest()[:10]}"
    client_of(server).create_bucket(Bucket=name)
    return name


def wish(**fields: Any) -> Wish:
    return Wish(**{"name": "Bodega", "tables": ["contacts"], "format": "jsonl", "place": "folder", **fields})


def runs(export: ScheduledExport, by: Membership) -> ScheduledExportRun:
    run = running.run_now(export=export, by=person(by))
    running.carry_out(run_id=run.pk)
    run.refresh_from_db()
    return run


def manifest_of(folder: Path, run: ScheduledExportRun) -> tuple[Path, dict[str, Any]]:
    where = next(folder.iterdir()) / running.folder_of(run)
    return where, json.loads((where / "manifest.json").read_text())


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def known(name: str) -> Profile:
    email = f"{name.lower()}@ejemplo.cl"
    return take_record(source=Source.CRM, claim=claim(name=name, email=email), occurred_at=at(0), cause="crm").profile


def move_back(export: ScheduledExport) -> None:
    """As if the last run had been before everything that the overlap of two windows holds."""
    export.refresh_from_db()
    assert export.reached is not None
    ScheduledExport.scoped().filter(pk=export.pk).update(reached=timezone.now() + running.OVERLAP)


def test_files_and_their_manifest(scoped: Account, folder: Path, admin: Membership) -> None:
    known("=Ana")
    tables = ["contacts", "conversations", "messages", "consents"]
    for format in ("csv", "jsonl", "parquet"):
        export = setting_up.save(wish=wish(tables=tables, format=format), by=person(admin))

        run = runs(export, admin)

        assert (run.state, run.error) == (State.DONE, "")
        where, manifest = manifest_of(folder, run)
        assert sorted(manifest["tables"]) == sorted([*tables, "gone"])
        assert (manifest["version"], manifest["is_full"], manifest["since"]) == (1, True, None)
        for told in manifest["tables"].values():
            content = (where / told["file"]).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (told["bytes"], told["sha256"])
        assert manifest["tables"]["contacts"]["rows"] == 1
        assert {"name": "since", "type": "moment"} in manifest["tables"]["contacts"]["columns"]
        assert sorted(path.name for path in where.iterdir()) == sorted(
            [*(f"{table}.{format}" for table in tables), "gone.jsonl", "manifest.json"]
        )
    assert pq.read_table(where / "contacts.parquet")["name"].to_pylist() == ["=Ana"]
    # Of a text file a spreadsheet runs nothing.
    assert "'=Ana" in next(folder.glob("*/*/*/contacts.csv")).read_text()
    assert AuditEntry.scoped().filter(action="scheduled_export.finish").count() == 3


def test_only_what_changed_and_who_is_gone(scoped: Account, folder: Path, admin: Membership) -> None:
    people = {name: known(name) for name in ("Ana", "Berta", "Carla", "Dora")}
    export = setting_up.save(wish=wish(), by=person(admin))
    assert manifest_of(folder, runs(export, admin))[1]["tables"]["contacts"]["rows"] == 4
    move_back(export)
    empty = runs(export, admin)
    assert manifest_of(folder, empty)[1]["tables"]["contacts"]["rows"] == 0
    ScheduledExport.scoped().filter(pk=export.pk).update(reached=timezone.now() + running.OVERLAP)

    erase(profiles=[people["Carla"]], by=person(admin))
    merge(contacts=[people["Ana"].contact, people["Berta"].contact], by=person(admin))
    known("Eva")
    run = runs(export, admin)

    where, manifest = manifest_of(folder, run)
    assert not manifest["is_full"]
    assert {row["name"] for row in lines(where / "contacts.jsonl")} == {"Ana", "Eva"}
    gone = {(row["hilo_contact"], row["reason"], row["into"]) for row in lines(where / "gone.jsonl")}
    assert gone == {
        (people["Carla"].contact_id, "erased", None),
        (people["Berta"].contact_id, "merged", people["Ana"].contact_id),
    }
    full = setting_up.save(wish=wish(is_full=True), by=person(admin), export=export)
    assert manifest_of(folder, runs(full, admin))[1]["tables"]["contacts"]["rows"] == 3


@pytest.mark.parametrize("bad", ["../otra", "/etc", "a/../../b", "a/./b", "..", ".oculta", "a\x00b", "a\\..\\b", "x" * 70, "a/b/c/d/e/f/g"])
def test_no_folder_leads_outside(scoped: Account, folder: Path, admin: Membership, bad: str) -> None:
    with pytest.raises(ValidationError):
        setting_up.save(wish=wish(folder=bad), by=person(admin))

    assert not ScheduledExport.scoped().exists()


def test_a_link_in_the_folder_is_not_followed_out(scoped: Account, folder: Path, tmp_path: Path, admin: Membership) -> None:
    known("Ana")
    outside = tmp_path / "otra"
    outside.mkdir()
    (folder / scoped.slug).mkdir(parents=True)
    (folder / scoped.slug / "sale").symlink_to(outside)
    export = setting_up.save(wish=wish(folder="sale"), by=person(admin))

    run = runs(export, admin)

    assert run.state == State.FAILED
    assert not [path for path in outside.rglob("*") if path.is_file()]


def test_without_a_folder_of_the_operator_there_is_none(scoped: Account, settings: Any, admin: Membership) -> None:
    settings.ETL_DIR = ""

    with pytest.raises(ValidationError, match="HILO_ETL_DIR"):
        setting_up.save(wish=wish(), by=person(admin))


def in_bucket(server: str, bucket: str, **fields: Any) -> Wish:
    return wish(place="bucket", bucket=bucket, endpoint=server, folder="hilo/datos", key_id="id", key="key", **fields)


def test_a_bucket(scoped: Account, server: str, bucket: str, admin: Membership) -> None:
    known("Ana")
    export = setting_up.save(wish=in_bucket(server, bucket), by=person(admin))

    run = runs(export, admin)

    assert (run.state, run.error) == (State.DONE, "")
    held = {each["Key"] for each in client_of(server).list_objects_v2(Bucket=bucket)["Contents"]}
    assert held == {f"hilo/datos/{running.folder_of(run)}/{name}" for name in ("contacts.jsonl", "gone.jsonl", "manifest.json")}
    # Saved again without its key, the key stays; sent elsewhere, it does not.
    keyless = replace(in_bucket(server, bucket), key_id="", key="")
    setting_up.save(wish=keyless, by=person(admin), export=export)
    assert runs(export, admin).state == State.DONE
    with pytest.raises(ValidationError):
        setting_up.save(wish=replace(keyless, bucket="otra-bodega"), by=person(admin), export=export)


def test_a_large_file_leaves_in_parts(scoped: Account, server: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BucketStore, "part", 5 * 1024 * 1024)
    path = tmp_path / "grande"
    path.write_bytes(bytes(range(256)) * (11 * 4096))
    store = BucketStore(bucket=bucket, prefix="", endpoint=server, region="", key_id="id", key="key")

    with path.open("rb") as file:
        store.put("grande ñ.bin", file)

    answer = client_of(server).get_object(Bucket=bucket, Key="grande ñ.bin")
    assert answer["Body"].read() == path.read_bytes()
    assert answer["ETag"].strip('"').endswith("-3")


def test_a_private_endpoint_is_refused(scoped: Account, server: str, bucket: str, admin: Membership, settings: Any) -> None:
    settings.OUTGOING_HTTP_ALLOW = []
    known("Ana")
    export = setting_up.save(wish=in_bucket(server, bucket), by=person(admin))

    run = runs(export, admin)

    assert (run.state, "private network" in run.error or "red privada" in run.error) == (State.FAILED, True)
    assert "Contents" not in client_of(server).list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize(
    "endpoint", ["http://[x", "http://x:99999", "gopher://x", "https://id:key@x.example", "https://x.example/?a", "https://"]
)
def test_what_is_no_address_is_refused_as_an_endpoint(endpoint: str) -> None:
    with pytest.raises(ValidationError, match=r"https://s3\.example\.com"):
        require_bucket(bucket="datos", prefix="", endpoint=endpoint)


def test_it_is_tried_again_and_goes_on_behind_what_is_written(
    scoped: Account, folder: Path, admin: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    known("Ana")
    export = setting_up.save(wish=wish(tables=["contacts", "consents"]), by=person(admin))
    put, names = FolderStore.put, []

    def breaks_once(store: FolderStore, name: str, file: Any) -> None:
        names.append(name.rpartition("/")[2])
        if names.count("consents.jsonl") == 1 and names[-1] == "consents.jsonl":
            raise OSError(28, "No space left on device")
        put(store, name, file)

    monkeypatch.setattr(FolderStore, "put", breaks_once)
    run = runs(export, admin)
    assert (run.state, "No space left" in run.error, run.attempts) == (State.QUEUED, True, 1)
    running.carry_out(run_id=run.pk)
    assert len(names) == 2, "its time has not come"
    assert not list(folder.rglob("manifest.json"))

    ScheduledExportRun.scoped().filter(pk=run.pk).update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    running.carry_out(run_id=run.pk)

    run.refresh_from_db()
    assert (run.state, run.error, names) == (
        State.DONE,
        "",
        ["contacts.jsonl", "consents.jsonl", "consents.jsonl", "gone.jsonl", "manifest.json"],
    )


def test_who_may_no_longer_export_stops_it(scoped: Account, folder: Path, admin: Membership, supervisor: Membership) -> None:
    known("Ana")
    export = setting_up.save(wish=wish(), by=person(admin))
    Membership.scoped().filter(pk=admin.pk).update(role=Role.AGENT)
    ScheduledExport.scoped().update(next_at=timezone.now() - timedelta(minutes=1))

    assert running.begin_due() == 1
    run = export.runs.get()
    running.carry_out(run_id=run.pk)

    run.refresh_from_db()
    assert run.state == State.FAILED
    assert not list(folder.rglob("*.jsonl"))
    assert AuditEntry.scoped().filter(action="scheduled_export.fail").exists()
    with pytest.raises(PermissionDenied):
        setting_up.save(wish=wish(), by=person(supervisor))


def test_whoever_sees_masked_addresses_cannot_set_it_up(scoped: Account, folder: Path, admin: Membership) -> None:
    Account.objects.filter(pk=scoped.pk).update(masking={Role.ADMIN: Level.ON_REQUEST})
    masked = Membership.scoped().select_related("account").get(pk=admin.pk)

    with pytest.raises(PermissionDenied):
        setting_up.save(wish=wish(), by=person(masked))

    assert not ScheduledExport.scoped().exists()


def test_its_hour_is_the_accounts(scoped: Account, folder: Path, admin: Membership) -> None:
    zone = ZoneInfo("America/Santiago")
    export = setting_up.save(wish=wish(hour="3", rhythm="weekly", weekday="0"), by=person(admin))

    due = export.next_after(datetime(2026, 11, 23, 2, 59, tzinfo=zone), zone=zone)
    assert due == datetime(2026, 11, 23, 3, tzinfo=zone)
    assert export.next_after(due, zone=zone) == datetime(2026, 11, 30, 3, tzinfo=zone)
    # The night in which the clock is put forward at midnight.
    daily = ScheduledExport(rhythm="daily", hour=0)
    assert daily.next_after(datetime(2026, 9, 5, 12, tzinfo=zone), zone=zone).astimezone(zone).date().isoformat() == "2026-09-06"


def test_one_at_a_time_and_once_an_hour(scoped: Account, folder: Path, admin: Membership) -> None:
    export = setting_up.save(wish=wish(), by=person(admin))
    ScheduledExport.scoped().update(next_at=timezone.now() - timedelta(minutes=1))

    assert (running.begin_due(), running.begin_due()) == (1, 0)
    with pytest.raises(ValidationError):
        running.run_now(export=export, by=person(admin))
    assert export.runs.count() == 1


def test_its_pages(scoped: Account, folder: Path, admin: Membership, admin_client: Client) -> None:
    known("Ana")
    root = f"/a/{scoped.slug}/contacts/export/scheduled/"
    said = {
        "name": "Bodega",
        "tables": ["contacts", "messages"],
        "format": "csv",
        "place": "folder",
        "rhythm": "daily",
        "hour": "4",
        "folder": "../x",
    }

    refused = admin_client.post(f"{root}new/", said)
    assert (refused.status_code, ScheduledExport.scoped().count()) == (422, 0)
    assert b'value="../x"' in refused.content
    made = admin_client.post(f"{root}new/", {**said, "folder": "datos"}, follow=True)
    export = ScheduledExport.scoped().get()
    assert made.status_code == 200
    assert (export.tables, export.hour, export.folder, export.owner_id) == (["contacts", "messages"], 4, "datos", admin.pk)
    admin_client.post(f"{root}{export.pk}/run/")
    running.carry_out(run_id=export.runs.get().pk)
    assert b"contacts.csv" in admin_client.get(f"{root}{export.pk}/").content
    admin_client.post(f"{root}{export.pk}/switch/", {"active": "no"})
    assert not ScheduledExport.scoped().get().is_active
    assert admin_client.get(root).status_code == 200
    admin_client.post(f"{root}{export.pk}/delete/")
    assert not ScheduledExport.scoped().exists()
