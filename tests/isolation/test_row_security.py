"""What row-level security refuses: as a campus's own login, whatever SQL is sent to the tables that campuses share.

Malimono is invited by Del Carmen and has visitors there, SNSU is not and has none. Each payload runs as one of them and
commits. It may end in an error or touch nothing; the shared rows stay as they were, byte for byte, and neither what it
returns nor what its error says holds a word of what the campus has no part in.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from shared_apps.common.clock import now
from shared_apps.common.ids import uuid7
from shared_apps.federation.models import (
    FederatedEvent,
    FederatedRegistration,
    Invitation,
    Reconciliation,
    SealHead,
    Visit,
    VisitChange,
)
from shared_apps.federation.services.registrations import register
from tenant_apps.attendance.models import Attendance
from tenant_apps.attendance.rules.scans import Direction, Method
from tenant_apps.attendance.services.corrections import undo_attendance
from tenant_apps.attendance.services.recording import record_scan
from tenant_apps.attendance.services.seals import seal_campus
from tenant_apps.attendance.services.verdicts import ScanRequest
from tenant_apps.events.services.editing import update_event
from tenants.context import owner_context, public_context
from tests.cast import Cast, Person, Site
from tests.factories import make_shared_event, pass_of

SHARED = (FederatedEvent, Invitation, FederatedRegistration, Visit, VisitChange, SealHead)
TABLES = tuple(model._meta.db_table for model in SHARED)
# Public tables of which a campus reads some columns, of every row: routing and passes need them, and they name nobody.
REGISTRY = {"tenants_campus", "tenants_campuskey", "tenants_registryversion"}


@dataclass
class Ledger:
    """What is there to be seen: one event of Del Carmen, and what payloads may know of it."""

    cast: Cast
    event: UUID
    own: UUID
    values: dict[str, str]
    secrets: set[str]


@pytest.fixture
def ledger(cast: Cast) -> Ledger:
    host, home = cast.delcarmen, cast.malimono
    hidden = make_shared_event(host, home, seats=5, title="Hidden Games")
    for person in (home.student, host.student):
        scan(host, hidden.pk, person)
    scan(host, hidden.pk, home.student, direction=Direction.OUT)
    with home.here():
        register(by=home.friend.user, at=now(), event_id=hidden.pk)
    # SNSU shares too: what it may do with its own it may not do with others'.
    own = make_shared_event(cast.snsu, home, title="Own Games")
    scan(cast.snsu, own.pk, home.organizer)
    with host.here():
        undone = Attendance.objects.get(visitor__isnull=True)
        undo_attendance(by=host.admin.user, at=now(), attendance_id=undone.pk, reason="Hidden reason")
        visit = Visit.objects.get(home="MALIMONO")
        assert seal_campus(at=now()) == 1
        session = hidden.sessions.get()
    with cast.snsu.here():
        mine = Visit.objects.get(home="MALIMONO")
    values = {
        "event": str(hidden.pk), "own": str(own.pk), "visit": str(visit.id), "mine": str(mine.id),
        "person": str(home.student.user.person_id), "friend": str(home.friend.user.person_id),
        "nobody": str(uuid7()), "session": str(session.pk),
    }  # fmt: skip
    secrets = {
        "Hidden Games", "Hidden reason", str(hidden.pk), str(visit.id), str(visit.attendance_id), str(session.pk),
        str(home.student.user.person_id), str(home.friend.user.person_id), str(host.student.user.person_id),
    }  # fmt: skip
    return Ledger(cast=cast, event=hidden.pk, own=own.pk, values=values, secrets=secrets)


def scan(host: Site, event_id: UUID, person: Person, **more: Any) -> None:
    with host.here():
        request = ScanRequest(event_id=event_id, method=Method.PASS, value=pass_of(person), **more)
        assert record_scan(by=host.scanner.user, at=now(), scan=request).status == 201


def shared_rows() -> dict[str, str]:
    """Return every shared row as text, by table."""
    with owner_context(), connection.cursor() as cursor:
        found = {}
        for table in TABLES:
            cursor.execute(f"SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM public.{table} t")
            found[table] = cursor.fetchone()[0]
    return found


def attack(site: Site, statement: str) -> str:
    """Run a statement as the campus's login, and commit it; return all that came back, errors included."""
    said = []
    with site.here(), connection.cursor() as cursor:
        try:
            if statement.startswith("COPY"):
                out = StringIO()
                cursor.copy_expert(statement, out)
                said.append(out.getvalue())
            else:
                cursor.execute(statement)
                said.append(str(cursor.fetchall()) if cursor.description else "")
        except (DatabaseError, psycopg2.Error) as error:  # a COPY is not wrapped by Django
            said.append(str(error))
        cursor.execute("ROLLBACK")
        cursor.execute("DISCARD ALL")
        # With what the connection had prepared; it is parked, and serves the next who comes.
        connection.connection.prepared.clear()
    return "".join(said)


# As SNSU, which has no part in the event: nothing of it can be read.
READING = [
    *(f"SELECT * FROM public.{table}" for table in TABLES),
    "SELECT * FROM public.federation_federatedevent WHERE id = '{event}'",
    "SELECT title FROM public.federation_federatedevent WHERE title LIKE 'Hidden%'",
    "SELECT v.* FROM public.federation_visit v JOIN public.federation_invitation i USING (event_id)",
    "SELECT i.* FROM public.federation_invitation i RIGHT JOIN public.federation_federatedevent e ON e.id = i.event_id",
    "SELECT max(title), string_agg(title, ',') FROM public.federation_federatedevent",
    "SELECT * FROM public.federation_visit WHERE ctid = '(0,1)'",
    "SELECT * FROM public.federation_visit TABLESAMPLE SYSTEM (100)",
    "SELECT * FROM ONLY public.federation_visit UNION ALL SELECT * FROM ONLY public.federation_visit",
    "TABLE public.federation_visitchange",
    "SET row_security = off; SELECT * FROM public.federation_visit",
    "BEGIN; SET LOCAL row_security = off; SELECT * FROM public.federation_federatedevent; COMMIT",
    "SELECT set_config('row_security', 'off', false), query_to_xml('TABLE public.federation_visit', true, true, '')",
    "SELECT query_to_xml('SELECT * FROM public.federation_federatedevent', true, true, '')",
    "SELECT table_to_xml('public.federation_visit', true, true, '')",
    "SELECT query_to_xml_and_xmlschema('TABLE public.federation_invitation', true, true, '')",
    "COPY (SELECT * FROM public.federation_visit) TO STDOUT",
    "COPY public.federation_visit TO STDOUT",
    "COPY public.federation_federatedevent (title) TO STDOUT",
    "BEGIN; DECLARE c CURSOR FOR SELECT * FROM public.federation_visit; FETCH ALL c; COMMIT",
    "BEGIN; DECLARE c SCROLL CURSOR WITH HOLD FOR TABLE public.federation_federatedevent; COMMIT; FETCH ALL c",
    "PREPARE p AS SELECT * FROM public.federation_visit; EXECUTE p; DEALLOCATE p",
    "SET plan_cache_mode = force_generic_plan; PREPARE q AS TABLE public.federation_federatedevent; EXECUTE q",
    # A condition that fails on what it sees, and says so: it must not see hidden rows.
    "SELECT 1 FROM public.federation_federatedevent WHERE title::int > 0 OR title = 'Own Games'",
    "SELECT 1 / (CASE WHEN title LIKE 'Hidden%' THEN 0 ELSE 1 END) FROM public.federation_federatedevent",
    "SELECT 1 FROM public.federation_federatedevent WHERE 1 / (CASE WHEN title LIKE 'Hidden%' THEN 0 ELSE 1 END) = 1",
    "SELECT 1 FROM public.federation_visit WHERE cast(event_title AS xml) IS NULL AND event_title <> 'Own Games'",
    "SELECT 1 FROM public.federation_visit ORDER BY 1 / (CASE WHEN event_title LIKE 'Hidden%' THEN 0 ELSE 1 END)",
    "SELECT (SELECT e.title FROM public.federation_federatedevent e WHERE e.id = '{event}')::int",
    "WITH w AS MATERIALIZED (TABLE public.federation_visit) SELECT * FROM w WHERE event_title::int = 1 OR host = 'DELCARMEN'",
    # What the planner knows, what the table weighs.
    "SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename LIKE 'federation%'",
    "SELECT * FROM pg_statistic",
    "EXPLAIN (ANALYZE, VERBOSE, BUFFERS) SELECT * FROM public.federation_visit WHERE event_title LIKE 'Hidden%'",
    # Rows that somebody else's statement would return.
    "UPDATE public.federation_visit SET status = status RETURNING *",
    "UPDATE public.federation_federatedevent SET updated_at = updated_at WHERE host = 'DELCARMEN' RETURNING title",
    "UPDATE public.federation_invitation SET seats = seats WHERE host = 'DELCARMEN' RETURNING *",
    "UPDATE public.federation_visit v SET status = v.status FROM public.federation_visit w "
    "WHERE w.event_id = '{event}' RETURNING w.*",
    "DELETE FROM public.federation_visit RETURNING *",
    "SELECT * FROM public.federation_visit FOR UPDATE",
    "SELECT * FROM public.federation_federatedevent FOR KEY SHARE",
    "CREATE VIEW public.seen AS SELECT * FROM public.federation_visit",
    "CREATE FUNCTION public.peek(text) RETURNS bool LANGUAGE plpgsql COST 0.0001 AS "
    "$$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$",
    "CREATE OPERATOR <<< (PROCEDURE = texteq, LEFTARG = text, RIGHTARG = text)",
    "DO $$ DECLARE t text; BEGIN SELECT title INTO STRICT t FROM public.federation_federatedevent "
    "WHERE host = 'DELCARMEN'; RAISE EXCEPTION '%', t; END $$",
    "CREATE TABLE c_snsu.child () INHERITS (public.federation_visit)",
    "CREATE TABLE c_snsu.child (LIKE public.federation_visit INCLUDING ALL)",
    "SELECT * INTO c_snsu.loot FROM public.federation_visit",
    "CREATE MATERIALIZED VIEW c_snsu.loot AS SELECT * FROM public.federation_visit",
    "SELECT * FROM public.federation_reconciliation",
    "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'public.federation_visit'::regclass",
    "SELECT lo_from_bytea(0, (SELECT string_agg(event_title, '')::bytea FROM public.federation_visit "
    "WHERE host = 'DELCARMEN'))",
]  # fmt: skip


def holes(ledger: Ledger, site: Site, payloads: list[str], *, secret: bool) -> list[str]:
    """Return the payloads that changed a shared row, or were told something ``secret``."""
    found, before = [], shared_rows()
    for payload in payloads:
        asked = fill(payload, **ledger.values)
        said = attack(site, asked)
        after = shared_rows()
        if after != before or (secret and any(one in said and one not in asked for one in ledger.secrets)):
            found.append(f"{asked} -> {said[:200]}")
        before = after
    return found


def fill(statement: str, **values: str) -> str:
    """Put some values in, and leave the other places for later."""
    for name, value in values.items():
        statement = statement.replace(f"{{{name}}}", value)
    return statement


def test_an_uninvited_campus_reads_nothing_of_the_event(ledger: Ledger) -> None:
    assert holes(ledger, ledger.cast.snsu, READING, secret=True) == []


def test_the_payloads_would_find_something(ledger: Ledger) -> None:
    """The same questions, asked by whom it concerns, are answered: so the silence above is the policies' doing."""
    for table in TABLES[:4]:
        assert ledger.values["event"] in attack(ledger.cast.delcarmen, f"SELECT * FROM public.{table}")
        assert ledger.values["event"] in attack(ledger.cast.malimono, f"SELECT * FROM public.{table}")
    assert "Hidden reason" in attack(ledger.cast.delcarmen, "TABLE public.federation_visitchange")
    assert "division by zero" in attack(
        ledger.cast.malimono,
        "SELECT 1 FROM public.federation_federatedevent WHERE 1 / (CASE WHEN title LIKE 'Hidden%' THEN 0 ELSE 1 END) = 1",
    )


def test_a_home_campus_reads_its_own_side_only(ledger: Ledger) -> None:
    said = attack(ledger.cast.malimono, "SELECT v.*, r.*, c.* FROM public.federation_visit v "
                  "LEFT JOIN public.federation_federatedregistration r USING (event_id) "
                  "LEFT JOIN public.federation_visitchange c USING (event_id)")  # fmt: skip

    assert ledger.values["person"] in said
    assert str(ledger.cast.delcarmen.student.user.person_id) not in said  # the host's own, at the same event
    assert "Hidden reason" not in said


HEAD = (
    "INSERT INTO public.federation_sealhead (event_id, campus, number, digest, sealed_at) "
    "VALUES ('{event}', '{campus}', {number}, '\\x00', now())"
)
VISIT = (
    "INSERT INTO public.federation_visit (event_id, id, person_id, host, home, attendance_id, session_id, event_title, "
    "session_name, status, first_in_at, created_at, updated_at) VALUES ('{event}', gen_random_uuid(), '{who}', "
    "'{host}', '{home}', gen_random_uuid(), gen_random_uuid(), 'x', '', 'present', now(), now(), now())"
)
CHANGE = (
    "INSERT INTO public.federation_visitchange (event_id, id, visit_id, host, home, from_status, to_status, reason, "
    "changed_at) VALUES ('{event}', gen_random_uuid(), '{visit}', '{host}', '{home}', 'present', 'void', 'x', now())"
)
PLACE = (
    "INSERT INTO public.federation_federatedregistration (event_id, person_id, host, home, state, is_walk_in, "
    "requested_at, updated_at) VALUES ('{event}', '{who}', '{host}', '{home}', 'registered', true, now(), now())"
)
INVITATION = (
    "INSERT INTO public.federation_invitation (event_id, campus, host, seats, taken, created_at, updated_at) "
    "VALUES ('{event}', '{campus}', '{host}', NULL, 0, now(), now())"
)
EVENT = (
    "INSERT INTO public.federation_federatedevent (id, kind, host, participants, status, title, description, venue, "
    "starts_at, ends_at, sessions, cancel_reason, created_at, updated_at) VALUES ('{nobody}', '{kind}', '{host}', "
    "'{participants}', 'published', 'x', '', '', now(), now() + interval '1 hour', '[]', '', now(), now())"
)


# As SNSU, an outsider with events of its own.
OUTSIDER = [
    fill(VISIT, who="{nobody}", host="DELCARMEN", home="SNSU"),  # credited at another host
    fill(VISIT, who="{nobody}", host="DELCARMEN", home="DELCARMEN"),
    fill(VISIT, who="{nobody}", host="SNSU", home="SNSU"),  # at an event that is not its own
    fill(VISIT, who="{friend}", host="SNSU", home="MALIMONO"),  # so that nobody else can count them
    fill(VISIT, event="{nobody}", who="{friend}", host="SNSU", home="MALIMONO"),  # at no event at all
    fill(VISIT, who="{person}", host="SNSU", home="MALIMONO") + " ON CONFLICT DO NOTHING RETURNING id",
    fill(VISIT, who="{person}", host="SNSU", home="MALIMONO")
    + " ON CONFLICT (event_id, person_id) WHERE status <> 'void' DO UPDATE SET status = 'void'",
    fill(CHANGE, host="SNSU", home="MALIMONO"),  # a word in another host's history
    fill(CHANGE, host="DELCARMEN", home="SNSU"),
    fill(CHANGE, event="{own}", host="SNSU", home="MALIMONO"),
    fill(CHANGE, event="{own}", visit="{mine}", host="SNSU", home="DELCARMEN"),  # told to another home
    fill(PLACE, who="{nobody}", host="DELCARMEN", home="SNSU"),  # a place without an invitation
    fill(PLACE, who="{nobody}", host="SNSU", home="MALIMONO"),
    fill(PLACE, who="{friend}", host="SNSU", home="MALIMONO") + " ON CONFLICT DO NOTHING RETURNING person_id",
    fill(PLACE, who="{friend}", host="DELCARMEN", home="SNSU")
    + " ON CONFLICT (event_id, person_id) DO UPDATE SET state = 'withdrawn'",
    fill(INVITATION, campus="SNSU", host="DELCARMEN"),  # invites itself
    fill(INVITATION, campus="SNSU", host="SNSU"),
    fill(INVITATION, campus="MAINIT", host="SNSU"),  # invites others to what is not its own
    fill(INVITATION, campus="MALIMONO", host="SNSU") + " ON CONFLICT DO NOTHING RETURNING campus",
    fill(INVITATION, event="{nobody}", campus="DELCARMEN", host="SNSU"),
    fill(EVENT, kind="hosted", host="DELCARMEN", participants="{}"),
    fill(EVENT, kind="university", host="", participants="{SNSU}"),
    fill(HEAD, campus="DELCARMEN", number="9"),  # so that the host's next seal is refused
    fill(HEAD, campus="DELCARMEN", number="1") + " ON CONFLICT DO NOTHING RETURNING campus",
    "UPDATE public.federation_sealhead SET campus = 'SNSU'",
    "UPDATE public.federation_federatedevent SET host = 'SNSU' WHERE host = 'DELCARMEN'",
    "UPDATE public.federation_federatedevent SET host = 'DELCARMEN' WHERE id = '{own}'",
    "UPDATE public.federation_federatedevent SET kind = 'university', host = '', participants = '{SNSU}' "
    "WHERE id = '{own}'",
    "UPDATE public.federation_federatedevent SET title = 'x' WHERE id = '{event}'",
    "UPDATE public.federation_invitation SET host = 'SNSU'",
    "UPDATE public.federation_invitation SET campus = 'SNSU'",
    "UPDATE public.federation_invitation SET withdrawn_at = now() WHERE event_id = '{event}'",
    "UPDATE public.federation_invitation SET event_id = '{event}'",
    "UPDATE public.federation_visit SET home = 'SNSU'",
    "UPDATE public.federation_visit SET host = 'SNSU' WHERE event_id = '{event}'",
    "UPDATE public.federation_visit SET person_id = gen_random_uuid()",
    "UPDATE public.federation_visit SET event_id = '{event}'",
    "UPDATE public.federation_visit SET status = 'void' WHERE event_id = '{event}'",
    "UPDATE public.federation_visitchange SET reason = 'x'",
    "UPDATE public.federation_federatedregistration SET home = 'SNSU'",
    "UPDATE public.federation_federatedregistration SET state = 'withdrawn' WHERE event_id = '{event}'",
    "MERGE INTO public.federation_visit v USING (SELECT 1) s ON v.event_id = '{event}' "
    "WHEN MATCHED THEN UPDATE SET status = 'void'",
    "MERGE INTO public.federation_visit v USING (SELECT 1) s ON v.event_id = '{event}' WHEN MATCHED THEN DELETE",
    "MERGE INTO public.federation_invitation i USING (SELECT 1) s ON i.event_id = '{event}' AND i.campus = 'SNSU' "
    "WHEN NOT MATCHED THEN INSERT (event_id, campus, host, taken, created_at, updated_at) "
    "VALUES ('{event}', 'SNSU', 'DELCARMEN', 0, now(), now())",
    *(f"DELETE FROM public.{table}" for table in TABLES),
    *(f"TRUNCATE public.{table}" for table in TABLES),
    "COPY public.federation_visit FROM STDIN",
    "LOCK TABLE public.federation_visit IN ACCESS EXCLUSIVE MODE",
    "ALTER TABLE public.federation_visit DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE public.federation_visit NO FORCE ROW LEVEL SECURITY",
    "CREATE POLICY all_of_it ON public.federation_visit USING (true)",
    "DROP POLICY concerned_read ON public.federation_visit",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "CREATE TRIGGER t BEFORE INSERT ON public.federation_visit EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE r AS ON SELECT TO public.federation_visit DO INSTEAD SELECT 1",
    "CREATE STATISTICS c_snsu.s ON host, home FROM public.federation_visit",
]  # fmt: skip


def test_an_uninvited_campus_changes_nothing(ledger: Ledger) -> None:
    assert holes(ledger, ledger.cast.snsu, OUTSIDER, secret=True) == []


# As Malimono, which is invited and has people there: what it reads it may not rewrite.
GUEST = [
    fill(VISIT, who="{nobody}", host="DELCARMEN", home="MALIMONO"),
    fill(VISIT, who="{friend}", host="MALIMONO", home="MALIMONO"),  # counts its own at another's event
    fill(CHANGE, host="DELCARMEN", home="MALIMONO"),
    fill(CHANGE, host="MALIMONO", home="MALIMONO"),
    fill(PLACE, who="{nobody}", host="DELCARMEN", home="DELCARMEN"),
    fill(PLACE, who="{nobody}", host="MALIMONO", home="MALIMONO"),
    fill(INVITATION, campus="SNSU", host="MALIMONO"),  # brings a friend
    "UPDATE public.federation_visit SET status = 'void'",
    "UPDATE public.federation_visit SET status = 'present' WHERE status = 'void'",
    "UPDATE public.federation_visit SET first_in_at = first_in_at - interval '1 day'",
    "UPDATE public.federation_federatedevent SET title = 'x'",
    "UPDATE public.federation_invitation SET seats = 1000",
    "UPDATE public.federation_invitation SET seats = NULL",
    "UPDATE public.federation_invitation SET withdrawn_at = now()",
    "UPDATE public.federation_invitation SET campus = 'SNSU'",
    "UPDATE public.federation_federatedregistration SET host = 'MALIMONO'",
    "UPDATE public.federation_federatedregistration SET is_walk_in = true",
    "UPDATE public.federation_federatedregistration SET home = 'SNSU'",
    "DELETE FROM public.federation_federatedregistration WHERE home <> 'MALIMONO'",
    *(f"DELETE FROM public.{table}" for table in TABLES),
]


def test_an_invited_campus_does_not_write_for_the_host(ledger: Ledger) -> None:
    assert holes(ledger, ledger.cast.malimono, GUEST, secret=False) == []


# As Del Carmen, the host: what is told of its guests is not its to rewrite either.
HOST = [
    fill(HEAD, campus="DELCARMEN", number="1"),  # another past for its own seals
    fill(HEAD, campus="DELCARMEN", number="0"),
    fill(HEAD, campus="DELCARMEN", number="1")
    + " ON CONFLICT (event_id, campus, number) DO UPDATE SET digest = EXCLUDED.digest",
    fill(HEAD, campus="MALIMONO", number="1"),
    "UPDATE public.federation_sealhead SET digest = '\\x00'",
    "UPDATE public.federation_sealhead SET number = number - 1",
    fill(VISIT, event="{own}", who="{friend}", host="DELCARMEN", home="MALIMONO"),  # at SNSU's event
    fill(CHANGE, event="{own}", visit="{mine}", host="DELCARMEN", home="MALIMONO"),
    fill(PLACE, who="{nobody}", host="DELCARMEN", home="SNSU"),  # a place for whom it has not invited
    fill(INVITATION, campus="DELCARMEN", host="DELCARMEN"),  # invites itself
    "UPDATE public.federation_visit SET home = 'DELCARMEN'",
    "UPDATE public.federation_visit SET person_id = gen_random_uuid() WHERE home = 'MALIMONO'",
    "UPDATE public.federation_visitchange SET reason = 'nothing happened'",
    "UPDATE public.federation_federatedregistration SET home = 'SNSU'",
    *(f"DELETE FROM public.{table}" for table in TABLES),
]


def test_a_host_does_not_rewrite_whose_a_visit_is(ledger: Ledger) -> None:
    assert holes(ledger, ledger.cast.delcarmen, HOST, secret=False) == []


def test_who_is_no_longer_invited_does_not_invite_itself_again(ledger: Ledger) -> None:
    host, guest = ledger.cast.delcarmen, ledger.cast.malimono
    with host.here():
        update_event(by=host.organizer.user, at=now(), event_id=ledger.event, changes={"allowed_campuses": []})
    before = shared_rows()

    for change in ("withdrawn_at = NULL", "withdrawn_at = NULL, seats = 9", "taken = 1"):
        attack(guest, f"UPDATE public.federation_invitation SET {change} WHERE event_id = '{ledger.event}'")

    assert shared_rows() == before
    assert "Hidden Games" not in attack(guest, "TABLE public.federation_federatedevent")
    assert "Hidden Games" in attack(guest, "TABLE public.federation_visit")  # what was counted stays theirs to read


def test_an_event_of_which_a_campus_knows_the_id_answers_like_none(ledger: Ledger) -> None:
    """Knowing the id of the event and of a person makes no difference: the same refusal, word for word."""
    for statement in (VISIT, PLACE, INVITATION, CHANGE):
        for ending in ("", " ON CONFLICT DO NOTHING"):
            there, nowhere = (
                attack(
                    ledger.cast.snsu,
                    fill(
                        statement + ending, event=event, who=ledger.values["person"], host="SNSU", home="MALIMONO",
                        campus="MALIMONO", visit=ledger.values["visit"],
                    ),
                )
                for event in (ledger.values["event"], ledger.values["nobody"])
            )  # fmt: skip
            assert "row-level security" in there
            assert there == nowhere


@contextmanager
def as_owner() -> Iterator[Any]:
    with owner_context(), transaction.atomic(), connection.cursor() as cursor:
        yield cursor


def public_models() -> list[Any]:
    return [
        model
        for config in apps.get_app_configs()
        if config.name in settings.SHARED_APPS
        for model in config.get_models(include_auto_created=True)
        if model._meta.managed
    ]


def test_whatever_campuses_share_has_policies_that_are_in_force(database: None) -> None:
    shared = [model for model in public_models() if getattr(model, "campus_privileges", None)]
    assert {model._meta.db_table for model in shared} > {*TABLES, *REGISTRY}
    for model in shared:
        table = model._meta.db_table
        policies = {policy.name: policy.command for policy in getattr(model, "row_policies", ())}
        if table in REGISTRY:
            assert set(model.campus_privileges) == {"SELECT"}, table
            assert model.campus_privileges["SELECT"] != (), f"{table}: say which columns"
            continue
        assert policies, f"{table} is granted to campuses and has no row policies"
        with as_owner() as cursor:
            cursor.execute("SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass(%s)", [f"public.{table}"])
            assert cursor.fetchone() == (True,), table
            cursor.execute(
                "SELECT policyname, cmd, qual, with_check FROM pg_policies WHERE schemaname = 'public' AND tablename = %s",
                [table],
            )
            in_force = {name: (command, qual, check) for name, command, qual, check in cursor.fetchall()}
        assert {name: command for name, (command, _, _) in in_force.items()} == {**policies, "public_site": "ALL"}
        for name, (command, qual, check) in in_force.items():
            if name == "public_site" or (table, name) == ("tenants_revokedpass", "all_read"):
                continue
            assert "CURRENT_USER" in str(qual) + str(check), f"{table}.{name} does not ask who is asking"
            assert command != "UPDATE" or qual, f"{table}.{name}: any row could be updated"
        # What is granted has a policy, and nothing is granted beside it: without one, PostgreSQL refuses every row.
        assert set(model.campus_privileges) == set(policies.values()), table


def test_campuses_have_no_grants_that_the_models_do_not_name(database: None) -> None:
    named = {
        model._meta.db_table: set(getattr(model, "campus_privileges", {})) for model in public_models()
    }  # fmt: skip
    with as_owner() as cursor:
        cursor.execute(
            "SELECT table_name, privilege_type FROM information_schema.table_privileges "
            "WHERE table_schema = 'public' AND grantee LIKE %s "
            "UNION SELECT table_name, privilege_type FROM information_schema.column_privileges "
            "WHERE table_schema = 'public' AND grantee LIKE %s",
            [f"{settings.CAMPUS_LOGIN_PREFIX}c\\_%"] * 2,
        )
        for table, privilege in cursor.fetchall():
            assert privilege in named.get(table, set()), (table, privilege)
        cursor.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE %s AND (rolbypassrls OR rolsuper OR rolcreaterole OR "
            "rolcreatedb OR rolreplication)",
            [f"{settings.CAMPUS_LOGIN_PREFIX}%"],
        )
        assert cursor.fetchall() == []
        # Policies bind whoever is not the owner; no campus owns anything, and the public site's login is no owner.
        cursor.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
        assert len(cursor.fetchall()) == 1


def test_the_public_site_reads_all_of_it_and_writes_no_ledger(ledger: Ledger) -> None:
    with public_context():
        assert Visit.objects.count() == 3
        assert Reconciliation.objects.count() == 0
        for statement in (
            "UPDATE federation_visit SET status = 'void'", "DELETE FROM federation_visit",
            "INSERT INTO federation_visit SELECT * FROM federation_visit", "UPDATE federation_invitation SET seats = 1",
            "DELETE FROM federation_visitchange",
        ):  # fmt: skip
            with pytest.raises(DatabaseError, match="permission denied"), connection.cursor() as cursor:
                cursor.execute(statement)
