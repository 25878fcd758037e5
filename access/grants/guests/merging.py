"""What making two people one will do, told before it is done."""

from __future__ import annotations

from access.models import AccessGrant, UserIdentity


def foretold(person: UserIdentity, other: UserIdentity) -> list[str]:
    """Return a sentence each. Nothing changes at any door."""
    stays = AccessGrant.objects.filter(identity=other).count()
    count = "1 stay goes" if stays == 1 else f"{stays} stays go"
    said = [f"{count} over to {person}." if stays else f"{other} has no stays."]
    for name, word in (("email", "e-mail address"), ("phone", "phone number")):
        kept, theirs = getattr(person, name), getattr(other, name)
        if not theirs or kept.lower() == theirs.lower():
            continue
        if kept:
            said.append(f"{person} keeps the {word} {kept}; {theirs} is not kept.")
        else:
            said.append(f"{person} gets the {word} {theirs}.")
    if other.full_name and other.full_name != person.full_name:
        said.append(f"The name {other.full_name} is not kept in the list; the log keeps it.")
    said.append("Nothing changes at any door: PINs, cards and keys stay as they are.")
    said.append("This cannot be undone.")
    return said
