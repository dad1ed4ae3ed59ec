"""Three-way comparison has laws: what one side changed moves, what both changed follows the policy, and nothing moves twice."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from integrations.crm.contract import RemoteRecord, Several
from integrations.syncing.comparing import Clash, compare
from integrations.syncing.translating import Rule, remote_values, theirs_of

VALUES = st.sampled_from([None, "a", "b", "c"])
SETS = st.sets(st.sampled_from(["1", "2", "3", "4"]))
CITY = Rule("city", "city")


def verdict(rule: Rule, base: Any, ours: Any, theirs: Any, newer: str = "theirs", **more: Any) -> Any:
    known = {} if base is None else {rule.ours: base}
    return compare([rule], base=known, ours={rule.ours: ours}, theirs={rule.ours: theirs}, newer={rule.ours: newer}, **more)  # type: ignore[dict-item]


@given(VALUES, VALUES, VALUES, VALUES, st.sampled_from(["ours", "theirs", "newest", "manual"]), st.sampled_from(["ours", "theirs"]))
def test_one_value(base_ours: Any, base_theirs: Any, ours: Any, theirs: Any, policy: str, newer: str) -> None:
    rule = Rule("city", "city", policy=policy)
    found = verdict(rule, {"ours": base_ours, "theirs": base_theirs}, ours, theirs, newer)
    moved_here, moved_there = ours != base_ours, theirs != base_theirs
    if ours == theirs or not (moved_here or moved_there):
        assert (found.take, found.give, found.clashes) == ({}, {}, [])
    elif moved_here and moved_there:
        winner = {"newest": newer, "manual": None}.get(policy, policy)
        assert found.give == ({"city": ours} if winner == "ours" else {})
        assert found.take == ({"city": theirs} if winner == "theirs" else {})
        assert found.clashes == ([Clash("city", ours, theirs)] if winner is None else [])
    else:
        assert (found.give, found.take) == (({"city": ours}, {}) if moved_here else ({}, {"city": theirs}))


@given(SETS, SETS, SETS, SETS)
def test_several_values_merge_without_conflicts(base_ours: set, base_theirs: set, ours: set, theirs: set) -> None:
    rule = Rule("email", "emails", type="text", is_several=True)
    base = {"ours": sorted(base_ours), "theirs": {each: each for each in base_theirs}}
    found = verdict(rule, base, sorted(ours), {each: each for each in theirs})
    give = found.give.get("email", Several())
    after = (theirs - set(give.remove)) | set(give.add)
    assert set(give.add) == (ours - base_ours) - theirs, "what came here goes there"
    assert not (set(give.remove) & (theirs - base_theirs)), "what came there is not taken away by us"
    assert ours - base_ours <= after
    assert not found.clashes
    assert ("email" in found.take) is (theirs != base_theirs)


def test_directions_and_emptiness() -> None:
    base = {"ours": "Quito", "theirs": "Quito"}
    assert not verdict(Rule("city", "city", direction="in"), base, "Lima", "Quito").give
    assert not verdict(Rule("city", "city", direction="out"), base, "Quito", "Lima").take
    assert verdict(CITY, base, "Quito", None).take == {"city": None}
    assert not verdict(Rule("city", "city", empty="leave"), base, "Quito", None).take
    assert not verdict(Rule("city", "city", empty="leave"), base, None, "Quito").give
    assert not verdict(CITY, base, "Lima", "Loja", waiting={"city"}).take
    first = verdict(CITY, None, None, "Loja")
    assert (first.take, first.first) == ({"city": "Loja"}, {"city"})


def test_values_are_read_and_written_by_the_mapping() -> None:
    rules = [
        Rule("email", "mails", type="email", is_several=True),
        Rule("plan", "tier", type="enum", choices=(("P1", "pro"), ("P2", "basic"))),
        Rule("date_of_birth", "born", type="date"),
        Rule("vip", "vip", type="boolean"),
        Rule("city", "town"),
        Rule("company", "org"),
    ]
    values = {"mails": ["ANA@Example.org", "no es correo"], "tier": "P1", "born": "1990-03-25", "vip": True, "town": " Quito\x00 "}
    found = theirs_of(rules, RemoteRecord("x", "1", values=values), region="CL")
    assert found == {
        "email": {"ana@example.org": "ANA@Example.org"},
        "plan": "pro",
        "date_of_birth": "1990-03-25",
        "vip": "true",
        "city": "Quito",
    }
    # A choice nobody mapped and a date that could be two days say nothing, rather than something wrong.
    unclear = theirs_of(rules, RemoteRecord("x", "1", values={"tier": "P9", "born": "01/02/1990", "town": None}), region="CL")
    assert unclear == {"city": None}
    said = remote_values(rules, {"plan": "basic", "vip": "false", "city": None, "email": Several(add=("b@example.org",))})
    assert said == {"tier": "P2", "vip": False, "town": None, "mails": Several(add=("b@example.org",))}
