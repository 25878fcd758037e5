"""Two rooms on the booking site, one of them with two stays to come."""

from datetime import timedelta

from sandbox import seed
from sandbox.booking.things import Booking, Calendar
from sandbox.world import World

#: Name of the room -> token in the address. Public, as everything in the sandbox.
CALENDARS = {"Room 205": "sim-room-205-4f1d2c", "Room 201": "sim-room-201-8b7a90"}
#: Guest, e-mail, number, days until arrival, nights.
BOOKINGS = [
    ("SIMULATED Jane Doe", "jane.doe@guests.example.com", "SIMBK1001", 1, 3),
    ("SIMULATED Max Mustermann", "", "SIMBK1002", 6, 2),
]


def plant(world: World) -> None:
    """Add the booking site, unless it is there: an older world has none."""
    if len(world.calendars):
        return
    for name, token in CALENDARS.items():
        world.calendars.put(Calendar(id=token, name=name))
    today = world.now().date()
    for guest, email, reference, days, nights in BOOKINGS:
        arrives = today + timedelta(days=days)
        world.bookings.put(
            Booking(
                id=seed.make_id("booking", reference),
                calendar_id=CALENDARS["Room 205"],
                guest=guest,
                email=email,
                reference=reference,
                arrives_on=arrives.isoformat(),
                leaves_on=(arrives + timedelta(days=nights)).isoformat(),
            )
        )


seed.PLANTERS.append(plant)
