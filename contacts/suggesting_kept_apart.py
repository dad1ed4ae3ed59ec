"""What a protection kept apart is put before a person, with the reason."""

from collections.abc import Iterable, Sequence
from typing import Any

from contacts.finding_matches import Match
from contacts.models import Profile
from contacts.reading_claims import ReadIdentifier
from contacts.reviewing import Kind, ask
from contacts.suggesting import suggest

# "Never merge" was a person's word: only new evidence asks again, and that is the deduplication's to weigh.
# Reasons that say nothing against one person, only that the rule does not decide it.
NEUTRAL = frozenset({"policy", "similar_email"})
NOT_ASKED = frozenset({"never_merge", "blocked"})


def suggest_kept_apart(
    *, profile: Profile, apart: Iterable[dict[str, Any]], matches: Sequence[Match], said: Sequence[ReadIdentifier]
) -> None:
    """One suggestion for each contact that was kept apart from the profile's; limits that fired call a person besides."""
    raw = {(each.kind, each.normal.key): each.normal.value for each in said}
    others = Profile.scoped().in_bulk([entry["profiles"][0] for entry in apart if entry["why"] not in NOT_ASKED])
    for entry in apart:
        other = others.get(entry["profiles"][0])
        if other is None:
            continue
        evidence = [
            {
                "comparison": match.kind,
                "level": "exact" if (match.kind, match.key) in raw else "similar",
                "bits": 0.0,
                "left": raw.get((match.kind, match.key), match.key),
                "right": match.key,
            }
            for match in _one_of_each(matches, set(entry["profiles"]))
        ]
        conflicts = [] if entry["why"] in NEUTRAL else [entry["why"]]
        suggest(low=profile, high=other, origin=entry["why"], evidence=evidence, conflicts=conflicts)
        if entry["why"] == "merge_storm":
            ask(kind=Kind.MERGE_STORM)
        if entry["why"] == "too_many_profiles":
            ask(kind=Kind.FULL_CONTACT, profile_id=_home_profile(entry["contact"]))


def _one_of_each(matches: Iterable[Match], profile_ids: set[int]) -> list[Match]:
    return list({(match.kind, match.key): match for match in matches if match.profile_id in profile_ids}.values())


def _home_profile(contact_id: int) -> int | None:
    return Profile.scoped().filter(home=contact_id).values_list("pk", flat=True).first()
