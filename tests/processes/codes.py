"""Makes wishes for access codes in a stack's database.

`python -m tests.processes.codes COUNT SEED`, with the stack's environment. Prints their ids.
"""

import json
import random
import sys
from datetime import timedelta

import django

django.setup()

from django.utils import timezone  # noqa: E402

from accounts.models import ConnectedAccount  # noqa: E402
from locks.codes import pins  # noqa: E402
from locks.models import AccessCode, Device  # noqa: E402


def main() -> None:
    count, chance = int(sys.argv[1]), random.Random(int(sys.argv[2]))  # noqa: S311
    doors = list(
        Device.objects.filter(has_keypad=True, is_online=True, account__name="harbour@example.com")
        .exclude(office_mode=True)
        .exclude(privacy_mode=True)
        .select_related("account", "site")
        .order_by("pk")
    )
    # Whole seconds, as Salto is told: a code would end there a moment before it ends here.
    now = timezone.now().replace(microsecond=0)
    codes = []
    for n in range(count):
        door = doors[n % len(doors)]
        ends_at = now + timedelta(seconds=chance.randint(5, 40)) if n % 3 == 0 else None
        codes.append(
            AccessCode(
                workspace_id=door.workspace_id,
                account=door.account,
                site=door.site,
                device=door,
                created_at=now,
                name=f"Guest {n}",
                ref=pins.new_ref(),
                starts_at=now if ends_at else None,
                ends_at=ends_at,
                next_run_at=now,
            )
        )
    AccessCode.objects.bulk_create(codes)
    ConnectedAccount.objects.update(next_codes_at=now)
    sys.stdout.write(json.dumps([str(code.pk) for code in codes]))


if __name__ == "__main__":
    main()
