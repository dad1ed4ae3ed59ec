"""The measuring commands, on public person data and on made-up people."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.contacts.deduplication.febrl import export


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(("number", "goal"), [(3, 0.999), (4, 0.9995)])
def test_febrl_is_solved(number: int, goal: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records, truth = export(number, tmp_path)
    call_command("evaluate_matching", records=records, truth=truth, json=True)
    figures = json.loads(capsys.readouterr().out)
    assert figures["f1"] >= goal
    assert figures["automatic"]["precision"] == 1.0


def test_made_up_people_are_the_same_for_the_same_seed_and_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = {}
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        call_command("make_people", count=1500, seed=seed, records=tmp_path / f"{name}.csv", truth=tmp_path / f"{name}-truth.csv")
        made[name] = (tmp_path / f"{name}.csv").read_text()
    assert made["one"] == made["again"] != made["other"]
    capsys.readouterr()
    call_command("evaluate_matching", records=tmp_path / "one.csv", truth=tmp_path / "one-truth.csv", json=True)
    figures = json.loads(capsys.readouterr().out)
    measured = {"precision", "recall", "f1", "threshold", "best_f1", "best_threshold", "pairs_compared", "seconds", "peak_mb"}
    assert set(figures) == measured | {"automatic", "queue", "found"}
    assert set(figures["automatic"]) == {"precision", "recall", "pairs"}
    assert set(figures["queue"]) == {"precision", "pairs", "between_50_and_99"}
    assert set(figures["queue"]["between_50_and_99"]) == set(figures["found"]) ^ {"recall", "precision"} == {"precision", "pairs"}
    assert figures["found"]["recall"] > 0.95
    assert figures["automatic"]["precision"] == 1.0
    assert figures["automatic"]["pairs"] > 5
    assert figures["queue"]["precision"] > 0.7


def test_no_relatives_and_no_colleagues_are_merged_by_themselves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {name: tmp_path / f"{name}.csv" for name in ("records", "truth", "sharers")}
    call_command("make_people", count=4000, seed=8128, **files)
    capsys.readouterr()
    call_command("evaluate_matching", **files, json=True)
    automatic = json.loads(capsys.readouterr().out)["automatic"]
    assert automatic["pairs"] > 20
    assert (automatic["relatives"], automatic["colleagues"]) == (0, 0)


def test_relatives_that_would_be_merged_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {name: tmp_path / f"{name}.csv" for name in ("records", "truth", "sharers")}
    files["records"].write_text(
        "id,name,email,phone\na,Ana Soto Rey,anasoto84@gmail.com,981234567\nb,Ana Soto Rey,anasoto84@gmail.com,981234567\n"
    )
    files["truth"].write_text("id_a,id_b\n")
    files["sharers"].write_text("id,household,workplace\na,7,0\nb,7,0\n")
    call_command("evaluate_matching", **files, json=True)
    assert json.loads(capsys.readouterr().out)["automatic"] == {
        "precision": 0.0,
        "recall": 1.0,
        "pairs": 1,
        "relatives": 1,
        "colleagues": 0,
    }


def test_a_file_with_two_columns_is_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.csv").write_text("id,email\na,ana84@uno.cl\nb,ANA84@uno.cl\nc,eva@dos.cl\n")
    (tmp_path / "t.csv").write_text("id_a,id_b\na,b\n")
    call_command("evaluate_matching", records=tmp_path / "r.csv", truth=tmp_path / "t.csv", json=True)
    figures = json.loads(capsys.readouterr().out)
    assert (figures["precision"], figures["recall"], figures["queue"]["pairs"]) == (1.0, 1.0, 1)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nowhere\.csv"):
        call_command("evaluate_matching", records=tmp_path / "nowhere.csv", truth=tmp_path / "nowhere.csv")
