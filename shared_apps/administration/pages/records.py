"""Pages that are only read: the ledger, the audit, periodic work and messages."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.urls import reverse

from shared_apps.accounts.roles import Can
from shared_apps.accounts.selectors import list_people
from shared_apps.administration.pages.cells import badge, code, moment, two
from shared_apps.administration.pages.lists import Filters, ListPage
from shared_apps.audit.models import AuditEntry
from shared_apps.audit.selectors import list_entries
from shared_apps.common.clock import now
from shared_apps.federation.models import Visit
from shared_apps.federation.rules import VisitStatus
from shared_apps.federation.selectors import list_visits
from shared_apps.outbox.models import OutboxMessage
from shared_apps.outbox.selectors import MessageState, list_messages, state_of
from shared_apps.periodic import rules as periodic
from shared_apps.periodic.models import Run
from shared_apps.periodic.selectors import list_runs, narrow_to_state


class LedgerFilters(Filters):
    host = Filters.text("Host campus", most=16)
    home = Filters.text("Home campus", most=16)
    status = Filters.choice("Status", VisitStatus.values)
    person = Filters.uuid("Person id")


class LedgerPage(ListPage):
    """Everyone counted at a shared event, by opaque person ids: names are the campuses'."""

    needs = Can.READ_LEDGER
    title = "Ledger"
    lead = (
        "Everyone counted at a shared event, newest first. People are opaque ids here: their names are the campuses'."
    )
    columns = ("Event", "Host", "Home", "Person", "Status", "First in (UTC)")
    filters = LedgerFilters

    def rows(self, asked: dict[str, Any]) -> QuerySet[Visit]:
        visits = list_visits()
        for field, value in (
            ("host", asked["host"].upper()), ("home", asked["home"].upper()), ("status", asked["status"]),
            ("person_id", asked["person"]),
        ):  # fmt: skip
            if value:
                visits = visits.filter(**{field: value})
        return visits

    def cells(self, row: Visit) -> list[Any]:
        return [
            two(row.event_title, row.session_name), row.host, row.home, code(row.person_id), badge(row.status),
            moment(row.first_in_at),
        ]  # fmt: skip


class AuditFilters(Filters):
    action = Filters.text("Action", most=60)
    target = Filters.text("Id of the thing", most=64)
    actor = Filters.uuid("Id of who did it")


class AuditPage(ListPage):
    """What was done on the public site."""

    needs = Can.READ_JOBS
    title = "Audit"
    lead = "What was done on the public site, by whom and why, newest first. Rows can be neither changed nor deleted."
    columns = ("When (UTC)", "Who", "Action", "What", "Reason")
    filters = AuditFilters

    def rows(self, asked: dict[str, Any]) -> QuerySet[AuditEntry]:
        entries = list_entries()
        if asked["action"]:
            entries = entries.filter(action__startswith=asked["action"])
        if asked["target"]:
            entries = entries.filter(target_id=asked["target"])
        if asked["actor"]:
            entries = entries.filter(actor_id=asked["actor"])
        return entries

    def look_up(self, page: list[AuditEntry]) -> None:
        people = list_people().filter(pk__in={entry.actor_id for entry in page if entry.actor_id})
        self.names: dict[UUID, str] = {person.pk: person.display_name for person in people}

    def cells(self, row: AuditEntry) -> list[Any]:
        who = self.names.get(row.actor_id, row.actor_id) if row.actor_id else "the system"
        what = row.changes.get("code") or row.target_type
        return [moment(row.at), who, code(row.action), two(what, row.target_id), row.reason or "–"]


class RunFilters(Filters):
    name = Filters.text("Work", most=100)
    campus = Filters.text("Campus", most=16)
    state = Filters.choice("Result", periodic.RunState.values)


class RunsPage(ListPage):
    """What ran when, for which campus, with what result."""

    needs = Can.READ_JOBS
    title = "Periodic work"
    lead = (
        "What ran when, for which campus, with what result. Work is done once a turn, whatever the number of beats. "
        "Turns that had nothing to do are kept for two hours, all others for a week."
    )
    columns = ("Turn (UTC)", "Work", "Campus", "Result", "Did", "Took", "Error")
    filters = RunFilters

    def rows(self, asked: dict[str, Any]) -> QuerySet[Run]:
        self.at = now()
        runs = list_runs()
        if asked["name"]:
            runs = runs.filter(name=asked["name"])
        if asked["campus"]:
            runs = runs.filter(site=asked["campus"].upper())
        return narrow_to_state(runs, asked["state"], at=self.at) if asked["state"] else runs

    def cells(self, row: Run) -> list[Any]:
        state = periodic.state_of(state=row.state, expires_at=row.expires_at, at=self.at)
        took = "–"
        if row.started_at and row.finished_at:
            took = f"{(row.finished_at - row.started_at).total_seconds():.2f} s"
        return [
            moment(row.begins_at), row.name, row.site, badge(state), "–" if row.count is None else row.count, took,
            row.error or "–",
        ]  # fmt: skip


class JobFilters(Filters):
    kind = Filters.text("Task", most=100)
    state = Filters.choice("State", MessageState.values)


class JobsPage(ListPage):
    """Messages of the public site that left a transaction: what waits, what was given up, what is done."""

    needs = Can.READ_JOBS
    title = "Messages"
    lead = (
        "What the public site has asked its workers to do, newest first. How many messages campuses have given up is "
        "counted by the periodic work “stuck-messages”."
    )
    columns = ("Written (UTC)", "Task", "State", "Tries", "Due or done (UTC)", "Error")
    filters = JobFilters

    def rows(self, asked: dict[str, Any]) -> QuerySet[OutboxMessage]:
        messages = list_messages(state=asked["state"])
        return messages.filter(Q(kind__icontains=asked["kind"])) if asked["kind"] else messages

    def cells(self, row: OutboxMessage) -> list[Any]:
        module, _, task = row.kind.rpartition(".")
        return [
            moment(row.created_at), two(task, module.removesuffix(".tasks")), badge(state_of(row)), row.attempts,
            moment(row.finished_at or row.due_at), row.error or "–",
        ]  # fmt: skip


def runs_of(site: str) -> str:
    """Return where one campus's periodic work is listed."""
    return f"{reverse('admin:runs')}?campus={site}"
