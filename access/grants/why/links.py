"""The links of the walk, in their order."""

from access.grants.why import of_door, of_stay
from access.grants.why.walking import Case, Check, Step, walk

LINKS: tuple[tuple[str, str, Check], ...] = (
    ("time", "Is it their time?", of_stay.time),
    ("standing", "Does the stay still stand?", of_stay.standing),
    ("made", "Was a way in made?", of_stay.made),
    ("account", "Does the account work?", of_door.account),
    ("hub", "Is the hub online?", of_door.hub),
    ("online", "Is the lock online?", of_door.online),
    ("on_lock", "Is it on the lock?", of_door.on_lock),
    ("battery", "Has it power?", of_door.battery),
    ("modes", "Does the door take it?", of_door.modes),
    ("quota", "Is there a seat, and does the schedule fit?", of_door.quota),
    ("told", "Were they told?", of_stay.told),
    ("denied", "Was somebody denied?", of_door.denied),
)


def look(case: Case) -> list[Step]:
    return walk(case, LINKS)
