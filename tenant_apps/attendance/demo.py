"""A believable university to try EAS with: the guide's four campuses, their people, events and attendance.

Everything but passwords is drawn from a generator seeded by the campus code, so that the demo of one day is the same on
every machine. Rows are written in bulk; what they say obeys the same rules as rows that services write.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from shared_apps.accounts.models import Profile, SignInName, User
from shared_apps.accounts.roles import Role
from shared_apps.accounts.rules import sign_in_names
from tenant_apps.attendance.models import Attendance, Correction, Scan
from tenant_apps.attendance.rules.closing import CLOSING_GRACE
from tenant_apps.attendance.rules.presence import Mark, Policy, evaluate
from tenant_apps.attendance.rules.scans import AttendanceStatus, Code, Direction, Method, Outcome
from tenant_apps.attendance.rules.scans import Window as RuleWindow
from tenant_apps.attendance.services.closing import close_session
from tenant_apps.events.models import Event, Registration, Session
from tenant_apps.events.rules.events import LATE_AFTER, EventStatus, fill_instants
from tenant_apps.events.rules.registrations import PlaceState, RegistrationMode
from tenants.registry_types import CampusEntry

STUDENTS: Final = 520
PROGRAMS: Final = {
    "College of Information Technology": ("BSIT", "BSCS"),
    "College of Engineering": ("BSCE", "BSEE"),
    "College of Teacher Education": ("BEEd", "BSEd"),
    "College of Fisheries": ("BSFi",),
    "College of Business": ("BSBA", "BSTM"),
}
FIRST_NAMES: Final = (
    "Althea", "Angel", "Ariel", "Bea", "Carlo", "Christian", "Danica", "Elmer", "Erica", "Francis", "Gian", "Hazel",
    "Ivy", "Jericho", "Jessa", "John Paul", "Joy", "Karl", "Kristine", "Lito", "Mae", "Maricel", "Mark", "Niña",
    "Noel", "Paolo", "Patricia", "Princess", "Ramil", "Rhea", "Rodel", "Sheena", "Theresa", "Vince", "Warren", "Zaldy",
)  # fmt: skip
LAST_NAMES: Final = (
    "Abella", "Alcantara", "Bautista", "Begornia", "Cabañog", "Castañeda", "Dela Cruz", "Elican", "Escaño", "Flores",
    "Galinato", "Gonzaga", "Ibañez", "Jumawan", "Labrador", "Lozada", "Magallanes", "Mendoza", "Navarro", "Ordoñez",
    "Patiño", "Peñaflor", "Quilantang", "Ramos", "Sabellano", "Santos", "Tiempo", "Umali", "Villanueva", "Yparraguirre",
)  # fmt: skip
PAST: Final = (
    ("Orientation of New Students", -75), ("Nutrition Month Culmination", -58), ("Buwan ng Wika", -44),
    ("Earthquake Drill and Briefing", -30), ("Intramurals Opening", -16), ("Research Colloquium", -5),
)  # fmt: skip
COMING: Final = (("Career Talk with Alumni", 4), ("Coastal Clean-up", 11), ("Year-End Recollection", 25))
VENUES: Final = ("Gymnasium", "Covered Court", "Audio-Visual Room", "Social Hall", "Campus Grounds")
# Everybody had to come: those who did not were absent.
REQUIRED_TITLE: Final = "Earthquake Drill and Briefing"
TODAY_TITLE: Final = "Foundation Day Program"
# An event that closes sooner is not one to try things with.
ENOUGH: Final = timedelta(hours=1)
_LAST_DRAWN_STAFF: Final = "gate2"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the demo."""

    role: Role
    username: str
    first_name: str
    last_name: str
    student_id: str | None = None


# The accounts that are handed out, with passwords.
HANDED: Final = (
    Person(Role.CAMPUS_ADMIN, "admin", "Carmela", "Villanueva"),
    Person(Role.ORGANIZER, "organizer", "Orlando", "Castañeda"),
    Person(Role.SCANNER, "gate", "Main", "Gate"),
    Person(Role.STUDENT, "student", "Maria Niña", "Peñaflor", "2024-00001"),
)


def fill_people(campus: CampusEntry, *, students: int = STUDENTS) -> int:
    """Create the people of ``campus``, none with a password, unless it has been done; return how many. Stand in it."""
    dice = random.Random(f"people of {campus.code}")
    make_id = _ids(dice)
    known = set(User.objects.values_list("username", flat=True))
    if _LAST_DRAWN_STAFF in known:
        return 0  # all of them came in one transaction, perhaps drawn by an earlier release
    users, profiles, names = [], [], []
    for person in [*HANDED, *_drawn(dice, students)]:
        id_, person_id = make_id(), UUID(int=dice.getrandbits(128), version=4)
        department = dice.choice(list(PROGRAMS))
        program, year, section = dice.choice(PROGRAMS[department]), dice.randint(1, 4), dice.choice("ABC")
        if person.username in known:
            continue
        email = f"{person.username}@{campus.code.lower()}.example.edu"
        users.append(
            User(
                id=id_,
                person_id=person_id,
                username=person.username,
                email=email,
                student_id=person.student_id,
                first_name=person.first_name,
                last_name=person.last_name,
                role=person.role,
                password="!",
            )
        )
        profiles.append(
            Profile(user_id=id_, department=department, program=program, year_level=year, section=section)
            if person.student_id
            else Profile(user_id=id_, department=department)
        )
        spellings = sign_in_names(username=person.username, email=email, student_id=person.student_id)
        names += [SignInName(name=name, user_id=id_) for name in sorted(spellings)]
    with transaction.atomic():
        User.objects.bulk_create(users, batch_size=500)
        Profile.objects.bulk_create(profiles, batch_size=500)
        SignInName.objects.bulk_create(names, batch_size=500)
    return len(users)


def _drawn(dice: random.Random, students: int) -> Iterator[Person]:
    """Draw further staff, and that many students."""
    staff = (("organizer2", Role.ORGANIZER), ("organizer3", Role.ORGANIZER), (_LAST_DRAWN_STAFF, Role.SCANNER))
    for username, role in staff:
        yield Person(role, username, dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES))
    for number in range(2, students + 2):
        student_id = f"202{dice.randint(2, 5)}-{number:05}"
        yield Person(Role.STUDENT, student_id, dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES), student_id)


def fill_events(campus: CampusEntry, *, at: datetime) -> int:
    """Create the events of past, today and future that are not there yet, with attendance; return how many.

    Run again when the last event to try has closed, or is about to, it adds another. Stand in the campus.
    """
    made = 0
    if not Event.objects.exists():
        dice = random.Random(f"events of {campus.code}")
        maker = _Maker(campus, dice, _ids(dice), at)
        with transaction.atomic():
            for title, days in PAST:
                maker.past(title, days, is_required=title == REQUIRED_TITLE)
            for title, days in COMING:
                maker.plain(title, days, EventStatus.PUBLISHED)
            maker.plain("Budget Consultation", 8, EventStatus.DRAFT)
            maker.plain("Outdoor Film Night", 2, EventStatus.CANCELLED)
            maker.with_places("First Aid Workshop", 6, RegistrationMode.REQUIRED)
            maker.with_places("Leadership Camp", 15, RegistrationMode.APPROVAL)
        made = len(PAST) + len(COMING) + 4
    to_try = Session.objects.filter(
        event__title=TODAY_TITLE, event__status=EventStatus.PUBLISHED, opens_at__lte=at, closes_at__gt=at + ENOUGH
    )
    if not to_try.exists():
        # The same draws all day; ids of its own for every such event, however many a day has.
        dice = random.Random(f"{at.astimezone(campus.zone).date()} at {campus.code}")
        with transaction.atomic():
            _Maker(campus, dice, _ids(random.Random(f"{at.isoformat()} at {campus.code}")), at).today()
        made += 1
    return made


class _Maker:
    """Draws events and what happened at them."""

    def __init__(self, campus: CampusEntry, dice: random.Random, make_id: Callable[[], UUID], at: datetime) -> None:
        self.campus, self.dice, self.make_id, self.at = campus, dice, make_id, at
        self.students = list(User.objects.filter(role=Role.STUDENT, is_active=True).order_by("username"))
        self.organizers = list(User.objects.filter(role=Role.ORGANIZER).order_by("username"))
        self.scanners = list(User.objects.filter(role=Role.SCANNER).order_by("username"))

    def plain(self, title: str, days: int, status: EventStatus) -> None:
        """An event to come."""
        begin = self._local(days, time(self.dice.choice((8, 9, 13))))
        self._event(title, status, begin, timedelta(hours=3))

    def with_places(self, title: str, days: int, mode: RegistrationMode) -> None:
        """An event to come for one student in ten, with people who wait, or wait for a decision."""
        begin = self._local(days, time(9))
        event = self._event(title, EventStatus.PUBLISHED, begin, timedelta(hours=3)).event
        event.registration, event.capacity = mode, max(1, len(self.students) // 10)
        event.releases_seats_at, event.allows_guests = begin + timedelta(minutes=30), True
        event.save()
        # The account that is handed out has not asked yet.
        pool = [student for student in self.students if student.username != "student"]
        asked = [
            self.at - timedelta(days=1) + timedelta(seconds=60 * number + self.dice.randint(0, 59))
            for number in range(min(len(pool), event.capacity * 5 // 4 + 1))
        ]
        places = []
        for number, (student, when) in enumerate(zip(self.dice.sample(pool, len(asked)), asked, strict=True)):
            place = Registration(
                id=self.make_id(), event=event, user=student, state=PlaceState.REGISTERED, requested_at=when,
                updated_at=when,
            )  # fmt: skip
            if mode == RegistrationMode.APPROVAL and number % 2:
                place.state = PlaceState.REQUESTED
            elif mode == RegistrationMode.APPROVAL:
                place.decided_at = place.updated_at = when + timedelta(hours=2)
                place.decided_by_id = event.organizer_id
            elif number >= event.capacity:
                place.state, place.waiting_since = PlaceState.WAITING, when
            places.append(place)
        Registration.objects.bulk_create(places, batch_size=500)

    def past(self, title: str, days: int, *, is_required: bool) -> None:
        """A completed event with its attendance; a required one has been closed, as the task of the minute does it."""
        begin = self._local(days, time(8))
        session = self._event(title, EventStatus.COMPLETED, begin, timedelta(hours=4))
        self._attend(session, share=self.dice.uniform(0.62, 0.9), leaving=0.3)
        if is_required:
            Event.objects.filter(pk=session.event_id).update(is_required=True)
            close_session(session_id=session.pk, at=session.closes_at + CLOSING_GRACE)

    def today(self) -> None:
        """The event to try things with: open from now until late, some people in already."""
        begin = self.at.replace(second=0, microsecond=0) - timedelta(minutes=20)
        organizer = next((user for user in self.organizers if user.username == "organizer"), self.organizers[0])
        session = self._event(
            TODAY_TITLE,
            EventStatus.PUBLISHED,
            begin,
            timedelta(hours=12),
            organizer=organizer,
            grace=timedelta(hours=2),
        )
        self._attend(session, share=0.08, leaving=0.0)

    def _event(
        self,
        title: str,
        status: EventStatus,
        begin: datetime,
        length: timedelta,
        *,
        organizer: User | None = None,
        grace: timedelta = LATE_AFTER,
    ) -> Session:
        event = Event.objects.create(
            id=self.make_id(),
            title=title,
            description=f"{title} of {self.campus.name}.",
            venue=self.dice.choice(VENUES),
            status=status,
            organizer=organizer or self.dice.choice(self.organizers),
            starts_at=begin,
            ends_at=begin + length,
            published_at=None if status == EventStatus.DRAFT else min(begin, self.at) - timedelta(days=7),
            completed_at=begin + length if status == EventStatus.COMPLETED else None,
            cancelled_at=self.at if status == EventStatus.CANCELLED else None,
            cancel_reason="Typhoon signal no. 1" if status == EventStatus.CANCELLED else "",
        )
        instants = fill_instants(starts_at=begin, ends_at=begin + length, late_after=begin + grace)
        return Session.objects.create(
            id=self.make_id(),
            event=event,
            name="",
            **{name: getattr(instants, name) for name in instants.__slots__},
        )

    def _attend(self, session: Session, *, share: float, leaving: float) -> None:
        window = RuleWindow(
            session.pk, session.opens_at, session.starts_at, session.late_after, session.ends_at, session.closes_at
        )
        attendances, scans, corrections = [], [], []
        # The account that is handed out came to what is over, and is not in yet at what is on.
        pool = [student for student in self.students if session.closes_at < self.at or student.username != "student"]
        came = [student for student in pool if student.username == "student" or self.dice.random() < share]
        for student in came:
            arrived = min(session.starts_at + timedelta(minutes=self.dice.triangular(-50, 40, 2)), self.at)
            left = None
            if self.dice.random() < leaving:
                left = min(session.ends_at, arrived + timedelta(minutes=self.dice.uniform(60, 260)))
            marks = [Mark(arrived, Direction.IN), *([Mark(left, Direction.OUT)] if left else [])]
            presence = evaluate(window, Policy(), marks, is_over=False)
            assert presence is not None  # they came
            operator = self.dice.choice(self.scanners)
            method = Method.PASS if self.dice.random() < 0.85 else Method.STUDENT_ID
            scan_id = self.make_id()
            row = Attendance(
                id=self.make_id(), event_id=session.event_id, session=session, user=student,
                status=presence.status, first_in_at=arrived, last_out_at=left,
                stayed=int(presence.stayed.total_seconds()), first_scan_id=scan_id, method=method,
                operator_id=operator.pk, created_at=arrived, updated_at=left or arrived,
            )  # fmt: skip
            attendances.append(row)
            scans.append(self._scan(row, scan_id, Direction.IN, Code.RECORDED, arrived))
            if left:
                scans.append(self._scan(row, self.make_id(), Direction.OUT, Code.RECORDED, left))
            if self.dice.random() < 0.04:
                again = min(arrived + timedelta(seconds=self.dice.randint(2, 90)), self.at)
                scans.append(self._scan(row, self.make_id(), Direction.IN, Code.DUPLICATE, again))
            if self.dice.random() < 0.01:
                refused = self._scan(row, self.make_id(), Direction.IN, Code.PASS_REVOKED, arrived)
                refused.attendance_id = None
                scans.append(refused)
        if leaving and attendances:
            wrong = self.dice.choice(attendances[1:])
            corrections.append(
                Correction(
                    id=self.make_id(),
                    attendance=wrong,
                    from_status=wrong.status,
                    to_status=AttendanceStatus.VOID,
                    reason="Scanned the card of a classmate",
                    decided_by_id=self.organizers[0].pk,
                    decided_at=session.ends_at,
                )
            )
            wrong.status = AttendanceStatus.VOID
        Attendance.objects.bulk_create(attendances, batch_size=500)
        Scan.objects.bulk_create(scans, batch_size=500)
        Correction.objects.bulk_create(corrections)

    def _scan(self, row: Attendance, id_: UUID, direction: Direction, code: Code, when: datetime) -> Scan:
        outcome = {Code.RECORDED: Outcome.RECORDED, Code.DUPLICATE: Outcome.DUPLICATE}.get(code, Outcome.REFUSED)
        return Scan(
            id=id_, fingerprint=hashlib.sha256(id_.bytes).digest(), event_id=row.event_id, session_id=row.session_id,
            user_id=row.user_id, attendance_id=row.pk, operator_id=row.operator_id or id_, direction=direction,
            method=row.method, outcome=outcome, code=code, received_at=when, effective_at=when,
            answer={"outcome": outcome, "code": code, "detail": code.label},
        )  # fmt: skip

    def _local(self, days: int, clock: time) -> datetime:
        day = self.at.astimezone(self.campus.zone).date() + timedelta(days=days)
        return datetime.combine(day, clock, tzinfo=self.campus.zone)


def _ids(dice: random.Random) -> Callable[[], UUID]:
    """Return a source of UUIDv7-shaped ids that is the same every time: counted milliseconds, drawn bits."""

    def count() -> Iterator[UUID]:
        for milliseconds in range(1_767_225_600_000, 1_767_225_600_000 + 10_000_000):  # from 2026-01-01
            value = milliseconds << 80 | dice.getrandbits(80)
            value = value & ~(0xF << 76) | 0x7 << 76
            yield UUID(int=value & ~(0x3 << 62) | 0x2 << 62)

    numbers = count()
    return lambda: next(numbers)
