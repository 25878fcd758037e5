"""Makes a stay in a running demo: `python -m tests.browser.staying '{"doors": [...]}'`.

It runs as a program of its own, with the demo's environment, and prints what a test needs.
"""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def stay(demo: Any, **wishes: Any) -> dict[str, Any]:
    """Make a stay in a demo. Return its link, link code and ids."""
    return _run(demo, {"do": "make", **wishes})


def attempts(demo: Any, **stay: Any) -> list[list[str]]:
    """Return the attempts that a stay's links led to: status and who asked."""
    return list(_run(demo, {"do": "attempts", "link": stay["link"]})["attempts"])


def _run(demo: Any, wishes: dict[str, Any]) -> dict[str, Any]:
    web = next(
        each
        for each in psutil.Process(demo.process.pid).children(recursive=True)
        if "config.asgi:application" in each.cmdline()
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.browser.staying", json.dumps(wishes)],
        cwd=CHECKOUT,
        env=web.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _make(wishes: dict[str, Any]) -> dict[str, Any]:
    from django.utils import timezone  # noqa: PLC0415  Django is set up first

    from access.guests.houses import House, change  # noqa: PLC0415
    from accounts.models import User  # noqa: PLC0415
    from locks.models import Device  # noqa: PLC0415
    from tests.access.guests import stays  # noqa: PLC0415
    from tests.make import actor  # noqa: PLC0415

    doors = [Device.objects.filter(name=name, removed_at=None).first() for name in wishes["doors"]]
    first = doors[0]
    now = timezone.now()
    starts_at = now + timedelta(hours=wishes.get("starts_in_hours", -1))
    grant = stays.make_stay(
        first.property,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(days=2),
        language=wishes.get("language", ""),
        phone=f"+316{now:%d%H%M%S%f}"[:14],
    )
    for mode in wishes.get("modes", ["cloud_key"]):
        if mode == "code":
            for door in doors:
                stays.give_code(grant, door)
        else:
            stays.give(grant, mode, *doors)
    stays.aim(grant, *doors)
    if wishes.get("has_house"):
        told = House(
            phone="+31 20 123 4567",
            address="Quay 12, 1011 AB Amsterdam",
            directions="Tram 26 to Central Station, then five minutes along the water.",
            wifi_name="Harbour Guests",
            wifi_password="tall-ships-ahoy",
            notes="The lift is behind the reception.\n\nBreakfast from 7 to 10.",
        )
        by = actor(User.objects.get(email="admin@lockboard.test"))
        change(first.property, told, by=by, at=now)
    link, path = stays.link_to(grant)
    return {
        "path": f"/k/{path.split('/k/')[1]}",
        "code": link.unseal_code(),
        "link": str(link.pk),
        "property": str(first.property_id),
    }


def _attempts(wishes: dict[str, Any]) -> dict[str, Any]:
    from locks.models import ActionAttempt  # noqa: PLC0415  Django is set up first

    found = ActionAttempt.objects.filter(authority_id=wishes["link"]).order_by("created_at")
    return {"attempts": [[each.status, each.actor_name] for each in found]}


if __name__ == "__main__":
    import django

    django.setup()
    asked = json.loads(sys.argv[1])
    told = {"make": _make, "attempts": _attempts}[asked["do"]](asked)
    sys.stdout.write(f"{json.dumps(told)}\n")
