"""A form about a stay, read and planned: what the page shows, and what is saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.http import QueryDict

from access.grants import services
from access.grants.asking import Asked, Guest
from access.grants.pages import people, places, seals
from access.grants.pages.forms import GrantForm, time_problems
from access.grants.pages.places import Place
from access.grants.world import Scene, look
from access.models import AccessGrant, UserIdentity
from access.planning.asked import Policy, Request
from access.planning.outcome import Plan
from accounts.actors import Actor
from accounts.models import Space
from accounts.providers.systems import AccessMethod as Mode
from audit.ids import new_id
from locks.codes.rules import RuleError
from locks.codes.services import RefusedError

ONE_GONE = "one of these doors is not there any more"
OTHER_PLACE = "doors belong to different sites"
NO_NEW_ROOM = "choose the room they move to"
_TIMES = {"starts_at", "ends_at"}


class Sheet:
    """One form as somebody filled it in, of a new grant or of one that is changed.

    Reading it says everything that is wrong at once, in the form. Nothing is written
    before `save`.
    """

    def __init__(
        self,
        given: QueryDict,
        *,
        actor: Actor,
        offered: Sequence[Space],
        now: datetime,
        grant: AccessGrant | None = None,
    ) -> None:
        self.given, self.actor, self.now, self.grant = given, actor, now, grant
        self.form = GrantForm(given, places=list(offered))
        self.place = self.form.chosen_place
        self.person: UserIdentity | None = None
        self.chosen: list[Place] = []
        self.differences: list[str] = []
        self.has_times = False
        self.goes_nowhere = False
        self.scene = self._read()

    # --- reading ----------------------------------------------------------------------

    def _read(self) -> Scene:
        form = self.form
        form.full_clean()
        form.check_methods()
        asked = self._asked()
        scene = look(asked, grant=self.grant, at=self.now)
        for problem in scene.plan.problems:
            if self.has_times or problem.field not in _TIMES:
                self._add(RuleError(problem.field, problem.sentence))
        return scene

    def _add(self, problem: RuleError) -> None:
        """Say it once, where it belongs."""
        form = self.form
        name = form._FIELDS.get(problem.field, problem.field)
        if name == "doors" and name in form.errors:
            return  # what is left of them is not what was meant
        if problem.sentence not in form.problems_at(name if name in form.fields else "__all__"):
            form.add_problem(problem)

    def _asked(self) -> Asked:
        starts_at, ends_at = self._window()
        before = services.asked_of(self.grant) if self.grant else None
        asked = before or Asked(
            property=self.place,
            guest=Guest(),
            targets=(),
            starts_at=starts_at,
            ends_at=ends_at,
            requests=(),
        )
        self._find_places()
        return replace(
            asked,
            guest=self._guest(),
            targets=tuple(each.target for each in self.chosen),
            starts_at=starts_at,
            ends_at=ends_at,
            requests=self._requests(before),
            policy=Policy(self.form.cleaned_data.get("policy") or Policy.ALL),
            # A stay keeps its own: who joins it later goes by that.
            reservation_key=before.reservation_key
            if before
            else self.form.cleaned_data.get("reservation_key", ""),
        )

    def _window(self) -> tuple[datetime, datetime | None]:
        """Return the window; one that stands for it where what was typed is none."""
        form, zone = self.form, self.place.zone
        time_problems(form)
        has_no_end = bool(form.cleaned_data.get("has_no_end"))
        starts_at = form.moment("starts", zone)
        ends_at = None if has_no_end else form.moment("ends", zone)
        form.keep_asking(zone)
        self.has_times = starts_at is not None and (has_no_end or ends_at is not None)
        if starts_at is None or not self.has_times:
            return self.now, self.now + timedelta(days=1)
        return starts_at, ends_at

    def _find_places(self) -> None:
        targets = [places.target_of(key) for key in self.form.target_keys]
        self.chosen = places.chosen(filter(None, targets), self.actor)
        if len(self.chosen) < len(targets):
            self.form.add_error("doors", ONE_GONE)
        if any(each.property_id != self.place.pk for each in self.chosen):
            self.form.add_error("doors", OTHER_PLACE)
        self.goes_nowhere = "doors" not in self.form.errors and self._is_left_only()
        if self.goes_nowhere:
            self.form.add_error("doors", NO_NEW_ROOM)

    def _is_left_only(self) -> bool:
        """Tell whether somebody is moved out of a room, and into none."""
        if self.grant is None or self.given.get("shows") != "move":
            return False
        had = {services.target_of(row) for row in self.grant.targets.all()}
        return all(each.target in had for each in self.chosen)

    def _guest(self) -> Guest:
        given = self.form.cleaned_data
        if self.grant:
            self.person = self.grant.identity
            return Guest(id=self.grant.identity_id)
        if asked := given.get("person"):
            self.person = people.known(self.actor, asked)
            # An id that nobody has: it is refused in the same words as one that is gone.
            return Guest(id=self.person.pk if self.person else UUID(int=0))
        return Guest(
            full_name=given.get("full_name", ""),
            email=given.get("email", ""),
            phone=given.get("phone", ""),
            language=given.get("language", ""),
            is_staff=bool(given.get("is_staff")),
        )

    def _requests(self, before: Asked | None) -> tuple[Request, ...]:
        """Return the ways in. What is not typed again stays as it was asked for."""
        known = {each.mode: each for each in before.requests} if before else {}
        typed = self.form.cleaned_data.get("digits", "")
        requests = [known.get(mode) or Request(mode=mode) for mode in self.form.wanted]
        return tuple(
            replace(each, digits=typed) if typed and each.mode == Mode.CODE else each
            for each in requests
        )

    # --- what it says -----------------------------------------------------------------

    @property
    def plan(self) -> Plan:
        return self.scene.plan

    @property
    def missing(self) -> list[str]:
        """What somebody who is filling in has not come to yet."""
        form = self.form
        has_name = self.person or self.given.get("full_name", "").strip()
        said = []
        if not (has_name or self._is_known):
            said.append("a name")
        if self.goes_nowhere:
            said.append("the room they move to")
        elif not form.target_keys:
            said.append("a room or a door")
        if not form.wanted:
            said.append("a way in")
        return said

    @property
    def _is_known(self) -> bool:
        return not self.scene.person._state.adding

    @property
    def fits_time(self) -> bool:
        """Whether there can be a stay in this window, whatever else is wrong."""
        return not any(self.form.problems_at(name) for name in ("starts", "ends"))

    @property
    def is_incomplete(self) -> bool:
        return bool(self.missing) or not self.has_times

    def forgive(self) -> None:
        """Say nothing against what is only not filled in yet: somebody is at it."""
        errors = self.form.errors
        for name, words in (
            ("full_name", {"a name"}),
            ("doors", {"a room or a door", "the room they move to"}),
        ):
            if words & set(self.missing):
                errors.pop(name, None)
        if "a way in" in self.missing:
            errors.pop("methods", None)

    @property
    def known_note(self) -> str:
        """Say that the e-mail or phone that was typed is somebody's."""
        if self.person or not self._is_known:
            return ""
        found = self.scene.person
        seen = people.known(self.actor, str(found.pk))
        if seen is None:
            return "Somebody with these is known here already, and keeps their name."
        return f"Known {'staff' if seen.is_staff else 'guest'}: {seen} – keeps their name."

    @property
    def count_note(self) -> str:
        if not self.form.target_keys:
            return ""
        count = len(self.scene.found.doors)
        return f"This gives {count} door{'' if count == 1 else 's'}."

    # --- saving -----------------------------------------------------------------------

    @property
    def key(self) -> str:
        return str(self._pk or "")

    @property
    def _pk(self) -> UUID | None:
        if self.grant:
            return self.grant.pk
        try:
            return UUID(self.given.get("key", ""))
        except ValueError:
            return None

    @property
    def bound_to(self) -> str:
        return f"{self.actor.user.pk}:{self.key}"

    @property
    def sealed(self) -> str:
        return seals.seal(self.plan, self.bound_to)

    def save(self) -> AccessGrant | None:
        """Save what was shown. None where it was not done, and the form says why.

        What was shown and is no longer so is said in `differences`; shown once more, it can be
        saved.
        """
        if self.form.errors:
            return self._made_before()
        outline = seals.unseal(self.given.get("outline", ""), self.bound_to)
        if outline is None:
            self.differences = ["Nothing was shown yet: this is what it will do."]
            return self._made_before()
        try:
            if self.grant:
                return services.change(
                    self.grant,
                    self.scene.asked,
                    generation=self._generation,
                    outline=outline,
                    by=self.actor,
                    at=self.now,
                )
            return services.create(
                self.scene.asked,
                pk=self._pk or new_id(),
                outline=outline,
                by=self.actor,
                at=self.now,
            )
        except services.ChangedMeanwhileError as error:
            self.scene = replace(self.scene, plan=error.plan)
            self.differences = error.differences
        except RefusedError as refusal:
            for problem in refusal.problems:
                self._add(problem)
        return None

    def _made_before(self) -> AccessGrant | None:
        """Return the grant that an earlier press of this very form has made."""
        if self.grant or self._pk is None:
            return None
        rows = AccessGrant.objects.for_actor(self.actor)
        return rows.filter(pk=self._pk, created_by=self.actor.user).first()

    @property
    def _generation(self) -> int:
        text = self.given.get("generation_seen", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
