"""Defences, taken away one by one, and the tests that must notice.

    python3 manage.py test tests/planted -m slow                    # plants each, as CI does
    .venv/bin/python -m tests.planted.breaks > docs/planted-breaks.md

Each break is a text replaced in a copy of the code; the named tests then have to fail there. A matrix that never fails
proves nothing until a hole was dug for it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Break:
    """One hole: in ``path``, ``old`` becomes ``new``; ``tests`` (paths, or path::name) must fail."""

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


MATRIX = "tests/isolation/test_matrix.py"
HOSTILE = "tests/isolation/test_hostile_input.py"
LOGINS = "tests/isolation/test_logins.py"
CONTEXT = "tests/tenants/test_context.py"
SIGN_IN = "tests/shared_apps/accounts/test_sign_in.py"
RACES = "tests/shared_apps/federation/test_ledger_races.py"
RESTORING = "tests/shared_apps/federation/test_restoring.py"
ROWS = "tests/isolation/test_row_security.py"
ACTING = "tests/shared_apps/campuses/test_acting.py"
MARK = "tests/tenant_apps/attendance/test_mark_attendance.py"
LET_IN = "tests/tenant_apps/attendance/test_who_is_let_in.py"
DEVICES = "tests/tenant_apps/attendance/test_devices.py"
CALENDARS = "tests/tenant_apps/events/test_calendars.py"
SHEETS = "tests/tenant_apps/reports/test_sheets.py"
BATCH = "tests/tenant_apps/attendance/test_batch.py"
TRANSFERS = "tests/shared_apps/federation/test_transfers.py"
CLOSING = "tests/tenant_apps/attendance/test_closing.py"
ROLL_CALLS = "tests/tenant_apps/attendance/test_roll_calls.py"
SCAN_FILES = "tests/tenant_apps/attendance/test_imports.py"
STREAMS = "tests/tenant_apps/live/test_streams.py"
NEWS = "tests/tenant_apps/live/test_news.py"
EXAMPLE = "docs/how-to/scanner.py"
SCANNER_EXAMPLE = "tests/journeys/test_scanner_example.py"
ROSTER = "tests/tenant_apps/attendance/test_roster.py"
COUNTS = "tests/query_counts/test_query_counts.py"
REQUESTS = "tests/tenant_apps/attendance/test_requests.py"
REVIEWS = "tests/tenant_apps/attendance/test_reviews.py"
SEALS = "tests/tenant_apps/attendance/test_seals.py"
SCANNERS = "tests/tenant_apps/attendance/test_scanners.py"
VENUE_CODES = "tests/tenant_apps/attendance/test_venue_codes.py"
ROTATING = "tests/shared_apps/federation/test_rotating_passes.py"
REVOCATION = "tests/shared_apps/federation/test_revocation.py"
PLACES = "tests/tenant_apps/events/test_registrations.py"
PLACE_RACES = "tests/tenant_apps/events/test_place_races.py"
RELEASED = "tests/tenant_apps/events/test_released_seats.py"
EVENT_PLACES = "tests/tenant_apps/events/test_event_places.py"
GUESTS = "tests/tenant_apps/events/test_guests.py"
WALK_INS = "tests/tenant_apps/attendance/test_walk_ins.py"
MAILS = "tests/tenant_apps/notifications/test_mails.py"
PREFERENCES = "tests/tenant_apps/notifications/test_preferences.py"
TELLING = "tests/tenant_apps/events/test_telling.py"
DIGESTS = "tests/tenant_apps/attendance/test_digests.py"
CERTIFICATES = "tests/tenant_apps/certificates/test_certificates.py"
UPLOADS = "tests/tenant_apps/uploads/test_uploads.py"
EXPORTS = "tests/tenant_apps/exports/test_exports.py"
FIGURES = "tests/tenant_apps/reports/test_figures.py"
TRANSCRIPTS = "tests/tenant_apps/reports/test_transcripts.py"
ROLL_UPS = "tests/tenant_apps/reports/test_roll_ups.py"
NOTICES = "tests/tenant_apps/notifications/test_notices.py"
ADMIN_SIGN_IN = "tests/shared_apps/administration/test_sign_in.py"
ADMIN_PAGES = "tests/shared_apps/administration/test_pages.py"
RUNS = "tests/shared_apps/periodic/test_runs.py"

BREAKS = (
    Break(
        "a month of few people is told",
        "tenant_apps/reports/selectors/roll_ups.py",
        'Told(RollUpKind.MONTH, day, "", None if is_few else _figures(line))',
        'Told(RollUpKind.MONTH, day, "", _figures(line))',
        (ROLL_UPS,),
    ),
    Break(
        "the year tells what its months do not",
        "tenant_apps/reports/selectors/roll_ups.py",
        "year = replace(whole, periods=tuple(periods))",
        "year = whole",
        (ROLL_UPS,),
    ),
    Break(
        "a campus tells the public site of another",
        "shared_apps/federation/models.py",
        'RowPolicy("own_inserts", "INSERT", check=f"campus = {ME}")',
        'RowPolicy("own_inserts", "INSERT", check="true")',
        (ROLL_UPS,),
    ),
    Break(
        "an organizer's reports are of everybody's events",
        "tenant_apps/reports/selectors/scopes.py",
        "confined = scope if user.role == Role.CAMPUS_ADMIN else replace(scope, organizer_id=user.pk)",
        "confined = scope",
        (FIGURES,),
    ),
    Break(
        "an organizer reads the report of another's event by its id",
        "tenant_apps/reports/selectors/scopes.py",
        "return user.role == Role.CAMPUS_ADMIN or event.organizer_id == user.pk",
        "return True",
        (FIGURES,),
    ),
    Break(
        "people are summed over sessions",
        "tenant_apps/reports/selectors/figures.py",
        "count(DISTINCT f.person) FILTER (WHERE f.has_come) AS people",
        "count(f.person) FILTER (WHERE f.has_come) AS people",
        (FIGURES,),
    ),
    Break(
        "the rows behind a figure are not those it counts",
        "tenant_apps/reports/selectors/rows.py",
        'wanted = f"({condition}) AND ({BEHIND[figure]})" if figure else condition',
        "wanted = condition",
        (FIGURES,),
    ),
    Break(
        "groups of a report are those of today",
        "tenant_apps/reports/selectors/facts.py",
        "CASE WHEN d.person IS NULL THEN coalesce(c.department, '') ELSE d.department END",
        "coalesce(c.department, '')",
        (FIGURES,),
    ),
    Break(
        "everybody reads everybody's transcript",
        "tenant_apps/reports/selectors/transcripts.py",
        "elif by.role == Role.CAMPUS_ADMIN:",
        "elif by.role:",
        (TRANSCRIPTS,),
    ),
    Break(
        "a token of the API opens the admin",
        "shared_apps/accounts/selectors.py",
        'not text.startswith("eas_public.pages_")',
        'not text.startswith("eas_public")',
        (ADMIN_SIGN_IN,),
    ),
    Break(
        "a person who is no super admin signs in to the admin",
        "shared_apps/accounts/selectors.py",
        "    if expires_at <= at or user.role != Role.SUPER_ADMIN:",
        "    if expires_at <= at:",
        (ADMIN_SIGN_IN,),
    ),
    Break(
        "an admin's sign-in that lies unused never ends",
        "shared_apps/administration/pages/session.py",
        ", max_age=PAGES_IDLE)\n    except",
        ")\n    except",
        (ADMIN_SIGN_IN,),
    ),
    Break(
        "an admin's sign-in that is used never ends",
        "shared_apps/accounts/services/tokens.py",
        "at + PAGES_TIME if to_pages else None",
        "at + 100 * PAGES_TIME if to_pages else None",
        (ADMIN_SIGN_IN,),
    ),
    Break(
        "forms of elsewhere are taken by the admin",
        "shared_apps/administration/pages/base.py",
        '@method_decorator(csrf_protect, name="dispatch")\n',
        "",
        (ADMIN_SIGN_IN,),
    ),
    Break(
        "signing in to the admin leads anywhere",
        "shared_apps/administration/pages/sign_in.py",
        "    is_ours = wanted.startswith(index) and",
        "    is_ours = True or",
        (ADMIN_SIGN_IN,),
    ),
    Break(
        "campuses have the admin too",
        "config/urls_campus.py",
        'urlpatterns = [path("api/v1/", include(api))]',
        'urlpatterns = [path("api/v1/", include(api)), '
        'path("admin/", include("shared_apps.administration.pages.urls"))]',
        (ADMIN_SIGN_IN,),
    ),
    Break(
        "the first page asks for each campus by itself",
        "shared_apps/administration/selectors.py",
        '    for campus in Campus.objects.order_by("code"):\n',
        '    for campus in Campus.objects.order_by("code"):\n        list(campus.domains.all())\n',
        (ADMIN_PAGES,),
    ),
    Break(
        "what was done is undone by a second delivery",
        "shared_apps/periodic/services.py",
        ".exclude(state=RunState.DONE)",
        "",
        (RUNS,),
    ),
    Break(
        "a turn is sent by every beat",
        "shared_apps/periodic/services.py",
        "        if not take_slot(name=name, every=every, at=at):\n            return 0\n",
        "",
        (RUNS,),
    ),
    Break(
        "a list of requests asks for each person by itself",
        "tenant_apps/attendance/selectors/requests.py",
        'AttendanceRequest.objects.select_related("event", "session", "user")',
        'AttendanceRequest.objects.select_related("event", "session")',
        (COUNTS,),
    ),
    Break(
        "rows are read before they are deleted, a hundred at a time",
        "tenants/apps.py",
        "        post_delete.disconnect(tenant_delete_callback)",
        "        post_delete.connect(tenant_delete_callback)",
        (COUNTS,),
    ),
    Break(
        "every thread stands on the public site by default",
        "tenants/postgresql/base.py",
        "        if self.standing is None:\n            raise CampusNotSet",
        '        if self.standing is None:\n            self.standing = Standing("public", "eas_test_public")\n'
        "        if False:\n            raise CampusNotSet",
        (CONTEXT,),
    ),
    Break(
        "the campus may be switched inside a transaction",
        "tenants/postgresql/base.py",
        "        if self.in_atomic_block:\n            raise",
        "        if False:\n            raise",
        (CONTEXT,),
    ),
    Break(
        "parked connections are not kept apart by login",
        "tenants/postgresql/pool.py",
        "keys = self._by_login.get(login)",
        "keys = next(iter(self._by_login.values()), None)",
        (CONTEXT,),
    ),
    Break(
        "the campus is not left when the response is closed",
        "tenants/middleware.py",
        "lambda: database.stand(previous)",
        "lambda: None",
        (CONTEXT,),
    ),
    Break(
        "public is back in reach: a campus login may read every public table",
        "tenants/logins.py",
        '    _run(SQL("GRANT USAGE ON SCHEMA public TO {}").format(logins))',
        '    _run(SQL("GRANT USAGE ON SCHEMA public TO {}").format(logins))\n'
        '    _run(SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(logins))',
        (LOGINS,),
    ),
    Break(
        "scans can be changed by the campus's login",
        "tenant_apps/attendance/models/scans.py",
        '    privileges: ClassVar = ("SELECT", "INSERT")\n\n    id = models.UUIDField(primary_key=True, default=uuid7, '
        "editable=False)\n    # The client's own id",
        '    privileges: ClassVar = ("SELECT", "INSERT", "UPDATE", "DELETE")\n\n    id = models.UUIDField('
        "primary_key=True, default=uuid7, editable=False)\n    # The client's own id",
        (LOGINS,),
    ),
    Break(
        "staff decide on their own requests",
        "tenant_apps/attendance/services/requests.py",
        "    if get_request(user=by, request_id=request_id).user_id == by.pk:\n        raise OwnRequest\n",
        "    get_request(user=by, request_id=request_id)\n",
        (f"{REQUESTS}::test_nobody_decides_on_their_own",),
    ),
    Break(
        "staff correct their own attendance",
        "tenant_apps/attendance/services/corrections.py",
        "    if attendance.user_id == by.pk:\n        raise OwnRecord\n",
        "",
        (f"{REQUESTS}::test_staff_correct_with_a_reason_and_nobody_their_own",),
    ),
    Break(
        "a request is decided twice",
        "tenant_apps/attendance/services/requests.py",
        "    if request.state != RequestState.OPEN:\n        raise AlreadyDecided\n",
        "",
        (f"{REQUESTS}::test_declined_needs_a_reason_and_changes_nothing",),
    ),
    Break(
        "two who decide at once both do",
        "tenant_apps/attendance/services/requests.py",
        "rows.select_for_update(no_key=True).filter(pk=request_id).first()",
        "rows.filter(pk=request_id).first()",
        (f"{REQUESTS}::test_two_who_decide_at_once_one_wins",),
    ),
    Break(
        "a decision does not wait for who closes the session",
        "tenant_apps/attendance/services/requests.py",
        "rows = Session.objects.select_for_update(no_key=True).filter(event_id",
        "rows = Session.objects.filter(event_id",
        (f"{REQUESTS}::test_an_excuse_and_closing_at_once_leave_nobody_absent",),
    ),
    Break(
        "an excuse wipes out presence that was recorded",
        "tenant_apps/attendance/services/requests.py",
        "    if attendance.status in NOT_THERE - {AttendanceStatus.EXCUSED}:\n",
        "    if attendance.status != AttendanceStatus.EXCUSED:\n",
        (f"{REQUESTS}::test_an_excuse_after_closing_excuses_at_once_but_for_who_came",),
    ),
    Break(
        "presence that staff decide is not counted by the ledger",
        "tenant_apps/attendance/services/corrections.py",
        "        if is_there and not credit_attendance(attendance_id=attendance.pk, at=at):\n            raise CountedElsewhere\n",
        "",
        (f"{REQUESTS}::test_presence_decided_at_a_shared_event_counts_and_an_excuse_does_not",),
    ),
    Break(
        "organizers read requests about events of others",
        "tenant_apps/attendance/selectors/requests.py",
        "return rows if user.role == Role.CAMPUS_ADMIN else rows.filter(event__organizer_id=user.pk)",
        "return rows",
        (f"{REQUESTS}::test_strangers_to_a_request_find_nothing",),
    ),
    Break(
        "those who decide are told again and again",
        "tenant_apps/attendance/services/requests.py",
        "    since = find_last_turn(name=_REMINDER)\n",
        "    since = None\n",
        (f"{REQUESTS}::test_those_who_decide_are_told_once_of_what_is_overdue",),
    ),
    Break(
        "who is flagged closes the flag",
        "tenant_apps/attendance/services/reviews.py",
        "    if get_flag(user=by, flag_id=flag_id).person_id == by.person_id:\n        raise OwnFlag\n",
        "",
        (f"{REVIEWS}::test_closing_takes_a_note_and_somebody_else",),
    ),
    Break(
        "organizers read flags of events of others",
        "tenant_apps/attendance/selectors/reviews.py",
        "    return rows if user.role == Role.CAMPUS_ADMIN else rows.filter(event__organizer_id=user.pk)",
        "    return rows",
        (f"{REVIEWS}::test_who_sees_the_queue",),
    ),
    Break(
        "what somebody has decided about a flag is opened again",
        "tenant_apps/attendance/services/reviews.py",
        "     WHERE attendance_flag.reviewed_by_id IS NULL\n       AND (",
        "     WHERE (",
        (f"{REVIEWS}::test_what_somebody_has_decided_is_not_opened_again",),
    ),
    Break(
        "two devices that did not know of each other are not noticed",
        "tenant_apps/attendance/rules/reviews.py",
        "if first.device != second.device and second.at < first.received_at",
        "if False",
        (f"{REVIEWS}::test_two_doors",),
    ),
    Break(
        "missing numbers stay open when they have arrived",
        "tenant_apps/attendance/services/reviews.py",
        "    if scanners:\n        closed",
        "    if False:\n        closed",
        (f"{REVIEWS}::test_missing_numbers_are_found_and_close_when_they_arrive",),
    ),
    Break(
        "a review that was away leaves out what came meanwhile",
        "tenant_apps/attendance/services/reviews.py",
        "since=(last or at - _AT_FIRST) - _OVERLAP",
        "since=at - REVIEW_EVERY - _OVERLAP",
        (f"{REVIEWS}::test_a_turn_is_taken_once_and_leaves_nothing_out",),
    ),
    Break(
        "a scan's answer is not sealed",
        "tenant_apps/attendance/rules/seals.py",
        '"time_corrected", "skew", "answer",\n',
        '"time_corrected", "skew",\n',
        (f"{SEALS}::test_every_column_is_sealed",),
    ),
    Break(
        "a scan that is gone is not missed",
        "tenant_apps/attendance/selectors/seals.py",
        '        if row not in actual:\n            return Alteration("missing", number, *row)\n',
        "        if row not in actual:\n            continue\n",
        (f"{SEALS}::test_a_missing_scan_is_named",),
    ),
    Break(
        "a scan that was put there with an old time is one that waits",
        "tenant_apps/attendance/selectors/seals.py",
        "            if is_late(known_at, last_sealed_at=last_sealed_at):\n",
        "            if False:\n",
        (f"{SEALS}::test_a_scan_that_was_put_there_with_an_old_time_is_named_and_never_sealed",),
    ),
    Break(
        "seals are not compared with what the public schema remembers",
        "tenant_apps/attendance/selectors/seals.py",
        "    if heads[number] != digest:\n",
        "    if False:\n",
        (f"{SEALS}::test_a_seal_that_was_made_anew_is_betrayed_by_the_public_schema",),
    ),
    Break(
        "a backup older than the head is not told",
        "tenant_apps/attendance/selectors/seals.py",
        "    if newest > previous.number:\n",
        "    if False:\n",
        (f"{SEALS}::test_a_backup_older_than_the_head_is_told_and_sealing_goes_on",),
    ),
    Break(
        "what commits late is never sealed",
        "tenant_apps/attendance/selectors/seals.py",
        "    since = last_sealed_at - LATEST if last_sealed_at else None\n",
        "    since = last_sealed_at\n",
        (f"{SEALS}::test_what_commits_late_is_sealed_late_and_all_stays_clean",),
    ),
    Break(
        "a seal is not tied to the one before",
        "tenant_apps/attendance/services/seals.py",
        "previous=previous, rows=sealed)",
        "previous=bytes(32), rows=sealed)",
        (f"{SEALS}::test_what_is_committed_is_sealed_and_remembered_once",),
    ),
    Break(
        "a seal is not remembered in the public schema",
        "tenant_apps/attendance/services/seals.py",
        "        cursor.execute(_HEAD, values)\n",
        "",
        (f"{SEALS}::test_what_is_committed_is_sealed_and_remembered_once",),
    ),
    Break(
        "a campus lowers the head of its seals",
        "shared_apps/federation/models.py",
        '            check=f"campus = {ME} AND NOT EXISTS (SELECT 1 FROM public.federation_sealhead h "\n            "WHERE h.event_id = federation_sealhead.event_id AND h.campus = federation_sealhead.campus "\n            "AND h.number >= federation_sealhead.number)",\n',
        '            check=f"campus = {ME}",\n',
        (f"{SEALS}::test_a_campus_login_neither_lowers_nor_changes_what_was_sealed",),
    ),
    Break(
        "a campus writes the heads of another",
        "shared_apps/federation/models.py",
        'check=f"campus = {ME} AND NOT EXISTS (SELECT 1 FROM public.federation_sealhead h "',
        "check=f\"{ME} <> '' AND NOT EXISTS (SELECT 1 FROM public.federation_sealhead h \"",
        (f"{SEALS}::test_a_campus_login_neither_lowers_nor_changes_what_was_sealed",),
    ),
    Break(
        "the database stays open to everybody",
        "tenants/logins.py",
        '    _run(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC")',
        '    _run(SQL("GRANT ALL ON DATABASE {} TO PUBLIC")',
        (LOGINS,),
    ),
    Break("cache keys without the campus", "tenants/cache.py", "eas:{owner}:", "eas:", (CONTEXT,)),
    Break(
        "tokens are looked up without saying where they belong",
        "shared_apps/accounts/selectors.py",
        'if not (is_acting or text.startswith(f"eas_{site_code()}_")) or len(text) > 128:',
        "if len(text) > 128:",
        (SIGN_IN,),
    ),
    Break(
        "an expired token is still one",
        "shared_apps/accounts/selectors.py",
        "    if expires_at <= at:\n        raise Unauthenticated\n",
        "",
        (SIGN_IN,),
    ),
    Break(
        "a deactivated person's token is still one",
        "shared_apps/accounts/services/users.py",
        'if changed & {"role", "is_active", "password"}:',
        "if False:",
        (SIGN_IN,),
    ),
    Break(
        "the campus's state is not asked at authentication",
        "shared_apps/accounts/selectors.py",
        "    if campus:\n        confirm_served(state, schema_version)\n    if expires_at",
        "    if expires_at",
        ("tests/shared_apps/campuses/test_campuses.py",),
    ),
    Break(
        "another campus may be named",
        "tenants/middleware.py",
        "    if campus is None or not campus.is_named(str(named)):\n        raise CampusMismatch",
        "    return",
        (HOSTILE,),
    ),
    Break(
        "X-Forwarded-Host chooses the campus",
        "tenants/hosts.py",
        'raw = request.META.get("HTTP_HOST")',
        'raw = request.META.get("HTTP_X_FORWARDED_HOST") or request.META.get("HTTP_HOST")',
        (HOSTILE,),
    ),
    Break(
        "hosts are matched by their end",
        "tenants/hosts.py",
        "    return host or None",
        '    return host if host.count(".") < 2 else ".".join(host.split(".")[-2:]) or None',
        (HOSTILE,),
    ),
    Break(
        "a route without permission",
        "shared_apps/accounts/api/permissions.py",
        "if what is None or not may(user.role, what):",
        "if False:",
        (MATRIX,),
    ),
    Break(
        "students may list people",
        "shared_apps/accounts/roles.py",
        "    Can.LIST_PEOPLE: _STAFF,",
        "    Can.LIST_PEOPLE: _EVERYBODY,",
        ("tests/shared_apps/accounts/test_users.py",),
    ),
    Break(
        "an unscoped queryset: everybody's attendance",
        "tenant_apps/attendance/selectors/attendance.py",
        "    if user.role == Role.CAMPUS_ADMIN:\n        return rows\n    mine",
        "    return rows\n    mine",
        ("tests/tenant_apps/attendance/test_attendance.py",),
    ),
    Break(
        "drafts are shown",
        "tenant_apps/events/selectors/events.py",
        "published = ~Q(status=EventStatus.DRAFT)",
        "published = Q()",
        ("tests/tenant_apps/events/test_events.py",),
    ),
    Break(
        "unknown fields are ignored",
        "shared_apps/common/api/serializers.py",
        "        if problems:\n            raise ValidationError(problems)",
        "        if False:\n            raise ValidationError(problems)",
        (MARK,),
    ),
    Break(
        "NUL and surrogates pass",
        "shared_apps/common/api/parsers.py",
        "            _walk(value, MAX_DEPTH)\n        return value",
        "            pass\n        return value",
        (HOSTILE,),
    ),
    Break(
        "a student marks themselves",
        "tenant_apps/attendance/api/views.py",
        "            raise ProofRequired\n",
        '            data |= {"method": "user", "value": str(user.pk)}\n',
        (MARK,),
    ),
    Break(
        "any signature will do",
        "shared_apps/federation/passes.py",
        "    except BadSignatureError:\n        raise ForgedPass from None",
        "    except BadSignatureError:\n        pass",
        ("tests/shared_apps/federation/test_passes.py",),
    ),
    Break(
        "a replaced pass is still one",
        "tenant_apps/attendance/rules/decisions.py",
        "Code.PASS_REVOKED if claim.serial != person.pass_serial else None",
        "None",
        ("tests/tenant_apps/attendance/test_rules.py",),
    ),
    Break(
        "a revoked pass is accepted at another campus",
        "tenant_apps/attendance/rules/decisions.py",
        "claim.serial <= admission.revoked_through",
        "False",
        (REVOCATION,),
    ),
    Break(
        "deactivating somebody is not said to other campuses",
        "shared_apps/accounts/services/users.py",
        '    if "is_active" in changed:\n        revoke_passes',
        "    if False:\n        revoke_passes",
        (REVOCATION,),
    ),
    Break(
        "whoever has moved keeps the old account too",
        "shared_apps/federation/services/transfers.py",
        "        leave_campus(user=user, to=transfer.destination, at=at)\n",
        "",
        (TRANSFERS,),
    ),
    Break(
        "a message whose origin is away is given up",
        "shared_apps/outbox/services.py",
        "update(due_at=until, attempts=0)",
        "update(due_at=until)",
        (TRANSFERS,),
    ),
    Break(
        "whoever moves to the host counts as visitor and as its own",
        "tenant_apps/attendance/selectors/scans.py",
        "                    UNION ALL SELECT xmin, * FROM attendance_attendance WHERE visitor_id = w.id\n",
        "",
        (TRANSFERS,),
    ),
    Break(
        "the destination writes the transcript",
        "shared_apps/federation/models.py",
        "state IN ('accepted', 'cancelled')",
        "state IN ('accepted', 'cancelled', 'closed')",
        (LOGINS,),
    ),
    Break(
        "check, then save: no unique (session, person), and nobody who minds",
        "tenant_apps/attendance/services/statements.py",
        "    ON CONFLICT (session_id, {column}) DO UPDATE",
        "    ON CONFLICT (session_id, {column}, id) DO UPDATE",
        ("tests/tenant_apps/attendance/test_races.py",),
    ),
    Break(
        "the writing statement does not look at the event again",
        "tenant_apps/attendance/services/statements.py",
        "     WHERE e.id = %(event_id)s AND e.status = 'published'\n",
        "     WHERE e.id = %(event_id)s\n",
        ("tests/tenant_apps/attendance/test_recheck.py",),
    ),
    Break(
        "a migration that changes a column refuses the next scan of every connection",
        "tenants/postgresql/prepared.py",
        "                    if connection.in_atomic_block:\n",
        "                    if True:\n",
        ("tests/tenant_apps/attendance/test_prepared.py",),
    ),
    Break(
        "two scans at once are each judged without the other",
        "tenant_apps/attendance/services/statements.py",
        "     WHERE id = %(attendance_id)s AND xmin = %(version)s::xid\n",
        "     WHERE id = %(attendance_id)s\n",
        ("tests/tenant_apps/attendance/test_recheck.py",),
    ),
    Break(
        "a place that is given away in between lets in",
        "tenant_apps/attendance/services/statements.py",
        "       {place}\n",
        "",
        (LET_IN,),
    ),
    Break(
        "a device records wherever it likes",
        "tenant_apps/attendance/services/recording.py",
        "(scanner is not None and event_id not in scanner.event_ids)",
        "False",
        (DEVICES,),
    ),
    Break(
        "a revoked device goes on recording",
        "tenant_apps/attendance/services/recording.py",
        "    if scanner is not None and not scanner.is_valid(at):",
        "    if False:",
        (DEVICES,),
    ),
    Break(
        "a guest's pass opens every event",
        "tenant_apps/attendance/selectors/scans.py",
        "g.pass_digest = %(value)s AND g.event_id = e.id",
        "g.pass_digest = %(value)s",
        (LET_IN,),
    ),
    Break(
        "a dry run records",
        "tenant_apps/attendance/services/recording.py",
        "            transaction.set_rollback(True)",
        "            pass",
        ("tests/tenant_apps/attendance/test_answers.py",),
    ),
    Break(
        "a batch does not mind that another door was faster",
        "tenant_apps/attendance/services/batches.py",
        "            if written != len(rows):\n                raise Overtaken",
        "            if False:\n                raise Overtaken",
        (BATCH,),
    ),
    Break(
        "a batch is judged in the order it was sent",
        "tenant_apps/attendance/services/batches.py",
        "    return item.effective_at, item.scan.direction.value, item.position",
        '    return item.effective_at.min, "", item.position',
        (BATCH,),
    ),
    Break(
        "visitors of a batch need no seat",
        "tenant_apps/attendance/services/batches.py",
        "            federated[5] += self.seats.get(seats, 0)",
        "            federated[5] += 0 * self.seats.get(seats, 0)",
        (BATCH,),
    ),
    Break(
        "the clock of a device is believed whatever it says",
        "tenant_apps/attendance/rules/scans.py",
        "    moment = moment - skew if is_wrong and skew is not None else moment\n",
        "",
        (DEVICES,),
    ),
    Break(
        "a task without a campus runs in public",
        "config/celery.py",
        '        if name == "public":',
        '        if not name or name == "public":',
        ("tests/config/test_celery.py",),
    ),
    Break(
        "tries are counted after the password was looked at",
        "shared_apps/accounts/services/tokens.py",
        "        if wait := count_try(key=key, anywhere=anywhere, at=at):",
        "        if wait := 0:",
        (SIGN_IN,),
    ),
    Break(
        "the relay forgets its lock",
        "shared_apps/outbox/services.py",
        " FOR NO KEY UPDATE SKIP LOCKED",
        "",
        ("tests/shared_apps/outbox/test_relay.py",),
    ),
    Break(
        "a used grant still works",
        "shared_apps/campuses/services.py",
        "exchanged_at__isnull=True, expires_at__gt=at",
        "expires_at__gt=at",
        (ACTING,),
    ),
    Break(
        "whoever acts may write, whatever the grant says",
        "shared_apps/accounts/api/permissions.py",
        "            if request.method not in SAFE_METHODS and not user.acting.may_write:",
        "            if False:",
        (ACTING,),
    ),
    Break(
        "a campus sees every campus's grants",
        "shared_apps/campuses/models.py",
        'RowPolicy("campus_reads", "SELECT", using=f"campus = {ME}")',
        'RowPolicy("campus_reads", "SELECT", using="true")',
        (LOGINS,),
    ),
    Break(
        "presence stays although another campus counts the person",
        "tenant_apps/attendance/services/verdicts.py",
        "            if not counts_here:\n                raise CountedElsewhere",
        "            if False:\n                raise CountedElsewhere",
        (RACES,),
    ),
    Break(
        "everybody finds a free seat",
        "shared_apps/federation/rules.py",
        "    return seats is None or taken < seats",
        "    return True",
        (RACES,),
    ),
    Break(
        "a place that was read is not looked at again",
        "tenant_apps/attendance/services/statements.py",
        'source="FROM place" if place else ""',
        'source=""',
        (RACES,),
    ),
    Break(
        "a place may be given back while the person is let in",
        "tenant_apps/attendance/services/statements.py",
        "AND state = 'registered'\n       FOR SHARE",
        "AND state = 'registered'",
        (RACES,),
    ),
    Break(
        "an undo does not wait for the visit",
        "shared_apps/federation/services/visits.py",
        "    visits = Visit.objects.select_for_update(no_key=True)\n",
        "    visits = Visit.objects.all()\n",
        (RACES,),
    ),
    Break(
        "a race lost to the own campus looks like another campus",
        "tenant_apps/attendance/services/recording.py",
        "is_counted_elsewhere = not has_credit(event_id=shared_id, person_id=person_id)",
        "is_counted_elsewhere = True",
        (RACES,),
    ),
    Break(
        "a plan for empty tables is kept for ever",
        "tenants/postgresql/prepared.py",
        "if is_due(runs):",
        "if runs == 0:",
        ("tests/tenants/test_connections.py",),
    ),
    Break(
        "an event is opened to others behind a scan's back",
        "tenant_apps/attendance/services/statements.py",
        "       AND e.federated_event_id IS NOT DISTINCT FROM %(federated_event_id)s\n",
        "",
        (RACES,),
    ),
    Break(
        "row-level security is declared and not switched on",
        "tenants/logins.py",
        '    _run(SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(place))\n',
        "",
        (ROWS,),
    ),
    Break(
        "a campus counts people at events that are not its own",
        "shared_apps/federation/models.py",
        'AND EXISTS (SELECT 1 FROM public.federation_federatedevent e "\n'
        '            f"WHERE e.id = federation_visit.event_id AND (e.host = {ME} OR {ME} = ANY(e.participants)))"',
        '"',
        (ROWS,),
    ),
    Break(
        "a guest gives itself seats",
        "shared_apps/federation/models.py",
        'AND withdrawn_at IS NULL AND seats IS NOT DISTINCT FROM ("\n'
        '            "SELECT i.seats FROM public.federation_invitation i WHERE i.event_id = federation_invitation.event_id "\n'
        '            "AND i.campus = federation_invitation.campus)"',
        'AND withdrawn_at IS NULL"',
        (ROWS,),
    ),
    Break(
        "visits of all campuses are read by each",
        "shared_apps/federation/models.py",
        '        RowPolicy("concerned_read", "SELECT", using=_MINE),\n        # Else',
        '        RowPolicy("concerned_read", "SELECT", using="true"),\n        # Else',
        (ROWS,),
    ),
    Break(
        "an undo that the restored host has forgotten is forgotten",
        "tenant_apps/attendance/services/reconciling.py",
        "            elif was_undone:",
        "            elif False:",
        (RESTORING,),
    ),
    Break(
        "places are counted without the event's lock",
        "tenant_apps/events/services/locking.py",
        'Event.objects.select_for_update(no_key=True, of=("self",)).filter',
        "Event.objects.filter",
        (PLACE_RACES,),
    ),
    Break(
        "whoever came last is promoted first",
        "tenant_apps/events/services/registrations.py",
        '.order_by("waiting_since", "id")',
        '.order_by("-waiting_since", "id")',
        (PLACES,),
    ),
    Break(
        "a closed account gets the next place",
        "tenant_apps/events/services/registrations.py",
        "Registration.objects.filter(Q(user__isnull=True) | Q(user__is_active=True), event=event)",
        "Registration.objects.filter(event=event)",
        (RELEASED,),
    ),
    Break(
        "somebody who has come gives the place back",
        "tenant_apps/events/services/registrations.py",
        "    if Registration.objects.filter(has_come(), pk=place.pk).exists():",
        "    if False:",
        (PLACES,),
    ),
    Break(
        "a place is taken away behind a door's back",
        "tenant_apps/events/services/registrations.py",
        'Registration.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in',
        "Registration.objects.filter(pk__in",
        (PLACE_RACES,),
    ),
    Break(
        "a place and the next are locked one after the other",
        "tenant_apps/events/services/registrations.py",
        "_lock([*ids, *_next_waiting(event, freed=len(ids))])",
        "_lock(ids)",
        (PLACE_RACES,),
    ),
    Break(
        "who runs an event approves their own request",
        "tenant_apps/events/services/registrations.py",
        "    if place.user_id == by.pk:",
        "    if False:",
        (PLACES,),
    ),
    Break(
        "a walk-in is squeezed in",
        "tenant_apps/events/services/registrations.py",
        "        raise EventFull",
        "        pass",
        (WALK_INS,),
    ),
    Break(
        "a draft tells that it exists",
        "tenant_apps/events/services/locking.py",
        "    if event is None or event.status == EventStatus.DRAFT:",
        "    if event is None:",
        (PLACES,),
    ),
    Break(
        "every organizer reads every event's places",
        "tenant_apps/events/selectors/registrations.py",
        "        raise NotYourEvent",
        "        pass",
        (PLACES,),
    ),
    Break(
        "seats that were got after the hour of release are released too",
        "tenant_apps/events/selectors/registrations.py",
        'rows.filter(~has_come(), held_since__lt=F("event__releases_seats_at"))',
        "rows.filter(~has_come())",
        (RELEASED,),
    ),
    Break(
        "an event that was moved releases its seats before it begins",
        "tenant_apps/events/selectors/registrations.py",
        ', event__releases_seats_at__gte=F("event__starts_at")',
        "",
        (RELEASED,),
    ),
    Break(
        "capacity sinks below the places that are taken",
        "tenant_apps/events/services/editing.py",
        '        raise PlacesTaken(attr="capacity")',
        "        pass",
        (EVENT_PLACES,),
    ),
    Break(
        "strangers register where guests are not welcome",
        "tenant_apps/events/services/guests.py",
        "        if not event.allows_guests:",
        "        if False:",
        (GUESTS,),
    ),
    Break(
        "one address fills an event with guests",
        "tenant_apps/events/services/guests.py",
        'if wait := count_try(key=try_key("guest", address), at=at):',
        "if wait := 0:",
        (GUESTS,),
    ),
    Break(
        "a guest's pass is kept with the answer to a key",
        "tenant_apps/events/api/guests.py",
        "takes_idempotency_key = False  # the answer holds",
        "takes_idempotency_key = True  # the answer holds",
        (GUESTS,),
    ),
    Break(
        "anybody marks anybody's notices as read",
        "tenant_apps/notifications/services/notices.py",
        "pk=notice_id, user_id=by.pk, read_at__isnull=True",
        "pk=notice_id, read_at__isnull=True",
        (NOTICES,),
    ),
    Break(
        "an e-mail is in the hands of two workers",
        "tenant_apps/notifications/services/mailing.py",
        "SET due_at = %s, attempts",
        "SET due_at = least(due_at, %s), attempts",
        (f"{MAILS}::test_many_workers_send_each_once",),
    ),
    Break(
        "a name begins a header of its own",
        "tenant_apps/notifications/rules/mails.py",
        'return " ".join(plain.replace("=?", "= ?").split())[:_LONGEST_HEADER].strip()',
        "return text",
        (MAILS,),
    ),
    Break(
        "a mail server that is away is tried all the time",
        "tenant_apps/notifications/services/mailing.py",
        "if MailRoute.objects.filter(rests_until__gt=at).exists():",
        "if False:",
        (f"{MAILS}::test_a_server_that_is_away_is_tried_later_and_holds_up_no_other_campus",),
    ),
    Break(
        "a restore sends again what was sent since",
        "tenant_apps/notifications/services/mailing.py",
        "return queued.update(state=MailState.DROPPED",
        "return queued.none().update(state=MailState.DROPPED",
        (f"{MAILS}::test_old_mails_are_forgotten_and_a_restore_sends_none_again",),
    ),
    Break(
        "one person's choices hold for all",
        "tenant_apps/notifications/selectors/preferences.py",
        "Preference.objects.filter(user_id=user.pk)",
        "Preference.objects.all()",
        (PREFERENCES,),
    ),
    Break(
        "visitors are told as often as the message is carried",
        "tenant_apps/events/services/telling.py",
        "event_id=event_id, once=once, at=at",
        'event_id=event_id, once="", at=at',
        (TELLING,),
    ),
    Break(
        "a reminder that was killed is not made up for",
        "tenant_apps/events/services/telling.py",
        "@transaction.atomic\ndef remind_of_sessions",
        "def remind_of_sessions",
        (f"{TELLING}::test_a_run_that_is_killed_is_followed_by_one_that_reminds",),
    ),
    Break(
        "a digest goes out with every beat",
        "tenant_apps/attendance/services/digests.py",
        "    if not take_slot(",
        "    if False and not take_slot(",
        (f"{DIGESTS}::test_once_a_day_whoever_tries",),
    ),
    Break(
        "an enrolment code works twice",
        "tenant_apps/attendance/services/scanners.py",
        "        scanner.enrolment_digest, scanner.enrolment_expires_at = None, None\n        scanner.enrolled_at",
        "        scanner.enrolled_at",
        (f"{SCANNERS}::test_a_code_works_once_for_15_minutes_and_at_its_campus_only",),
    ),
    Break(
        "a revoked device keeps its token",
        "tenant_apps/attendance/services/scanners.py",
        "    ended = close_device_account(user_id=scanner.user_id)",
        "    ended = 1",
        (f"{SCANNERS}::test_a_revoked_device_is_refused_by_its_next_request",),
    ),
    Break(
        "organizers prepare devices for events of others",
        "tenant_apps/attendance/selectors/scanners.py",
        "events if user.role == Role.CAMPUS_ADMIN else events.filter(organizer_id=user.pk)",
        "events",
        (f"{SCANNERS}::test_who_prepares_devices_for_which_events",),
    ),
    Break(
        "a device's account is changed like a person's",
        "shared_apps/accounts/services/users.py",
        "    if user.is_device:\n        raise DeviceAccount",
        "    if False:\n        raise DeviceAccount",
        (f"{SCANNERS}::test_a_device_is_nobody_and_cannot_become_one",),
    ),
    Break(
        "a kiosk reads the manifest",
        "shared_apps/accounts/roles.py",
        "    Can.READ_MANIFEST: _STAFF | {Role.SCANNER},",
        "    Can.READ_MANIFEST: _STAFF | _DEVICES,",
        (f"{SCANNERS}::test_a_kiosk_records_and_is_shown_nothing",),
    ),
    Break(
        "guesses at a venue code never wait",
        "tenant_apps/attendance/services/venue_codes.py",
        "     WHERE t.blocked_until IS NULL OR t.blocked_until <= %(at)s",
        "",
        (f"{VENUE_CODES}::test_a_thousand_guesses_get_nowhere",),
    ),
    Break(
        "a right code forgives guesses at another session's",
        "tenant_apps/attendance/services/venue_codes.py",
        "       SET failures = GREATEST(failures - 1, 0),",
        "       SET failures = 0,",
        (f"{VENUE_CODES}::test_a_right_code_elsewhere_does_not_forgive_guesses",),
    ),
    Break(
        "one device enters the venue code for many",
        "tenant_apps/attendance/services/venue_codes.py",
        "    if holders.user_id not in {None, by.pk}:",
        "    if False:",
        (VENUE_CODES,),
    ),
    Break(
        "a venue code is good for five minutes",
        "tenant_apps/attendance/rules/venue_codes.py",
        "_ACCEPTED_STEPS: Final = 2",
        "_ACCEPTED_STEPS: Final = 20",
        (VENUE_CODES,),
    ),
    Break(
        "venue codes can be fetched before the session opens",
        "tenant_apps/attendance/services/venue_codes.py",
        "    if state != VenueState.OPEN:\n        return VenueCodes",
        "    if False:\n        return VenueCodes",
        (f"{VENUE_CODES}::test_no_code_is_shown_before_and_after",),
    ),
    Break(
        "a projector's key opens every session",
        "tenant_apps/attendance/services/venue_codes.py",
        '"display", str(current_campus().id), str(session_id))',
        '"display", str(current_campus().id))',
        (f"{VENUE_CODES}::test_the_projector_is_shown_one_session_by_its_key",),
    ),
    Break(
        "a picture of a rotating pass is let in",
        "shared_apps/federation/passes.py",
        "_TOLERATED_STEPS: Final = 1",
        "_TOLERATED_STEPS: Final = 1000",
        (ROTATING,),
    ),
    Break(
        "the end of a rotating pass is not checked",
        "shared_apps/federation/passes.py",
        '    if not hmac.compare_digest(genuine, ".".join(parts)):',
        "    if False:",
        (ROTATING,),
    ),
    Break(
        "the secret of a rotating pass outlives the pass",
        "shared_apps/federation/passes.py",
        "str(content.person_id), str(content.serial))",
        'str(content.person_id), "1")',
        (ROTATING,),
    ),
    Break(
        "two may close a session at the same time",
        "tenant_apps/attendance/services/closing.py",
        'Session.objects.select_for_update(of=("self",))',
        "Session.objects.all()",
        (f"{CLOSING}::test_two_at_once_close_it_once",),
    ),
    Break(
        "whoever another campus counted was absent at home",
        "tenant_apps/attendance/services/closing.py",
        "AND v.host <> %(me)s AND v.status <> 'void')",
        "AND false)",
        (f"{CLOSING}::test_whoever_was_counted_at_another_campus_was_not_absent",),
    ),
    Break(
        "closing overrules what staff decided",
        "tenant_apps/attendance/rules/closing.py",
        "status=decided_status or presence.status.value",
        "status=presence.status.value",
        (f"{CLOSING}::test_what_staff_decided_stays_and_what_is_void_is_no_presence",),
    ),
    Break(
        "what was scanned before an undo counts again",
        "tenant_apps/attendance/selectors/presence.py",
        "AND v.decided_at >= c.received_at)",
        "AND false)",
        (f"{CLOSING}::test_what_staff_decided_stays_and_what_is_void_is_no_presence",),
    ),
    Break(
        "the ledger takes an absence for presence",
        "tenant_apps/attendance/services/reconciling.py",
        "WHERE a.status NOT IN ('void', 'absent', 'excused')",
        "WHERE a.status <> 'void'",
        (f"{CLOSING}::test_the_ledger_follows_presence_and_knows_no_absence",),
    ),
    Break(
        "a closed session may change",
        "tenant_apps/events/services/editing.py",
        "    if session.closed_at is not None:\n        raise SessionIsClosed",
        "    if False:\n        raise SessionIsClosed",
        ("tests/tenant_apps/events/test_sessions.py",),
    ),
    Break(
        "sessions repeat by hours that pass and not by the clock on the wall",
        "tenant_apps/events/rules/repetition.py",
        "    starts_at, ends_at = to_instant(wall_start, zone), to_instant(wall_end, zone)\n",
        "    first = date(2024, 1, 1)\n"
        "    starts_at = to_instant(datetime.combine(first, slot.starts), zone) + (day - first)\n"
        "    ends_at = starts_at + (wall_end - wall_start)\n",
        ("tests/tenant_apps/events/test_repetition.py",),
    ),
    Break(
        "an enrolled scanner reads the roster of every event",
        "tenant_apps/attendance/selectors/roster.py",
        "if scanner is not None and event.pk in scanner.event_ids:",
        "if scanner is not None:",
        (f"{ROSTER}::test_an_enrolled_scanner_reads_those_of_its_events_while_it_may",),
    ),
    Break(
        "a change that commits late is not in the next delta of a roster",
        "tenant_apps/attendance/rules/rosters.py",
        "cls(as_of=at - OVERLAP,",
        "cls(as_of=at,",
        (f"{ROSTER}::test_as_of_lies_back_so_that_what_commits_late_is_not_missed",),
    ),
    Break(
        "a file of people is not in the next delta of a roster",
        "shared_apps/accounts/services/rosters.py",
        '[*_USER_FIELDS, "updated_at"]',
        "_USER_FIELDS",
        (f"{ROSTER}::test_a_replaced_pass_and_a_file_of_people_are_in_the_delta",),
    ),
    Break(
        "a roll call that is sent again is another one",
        "tenant_apps/attendance/services/roll_calls.py",
        "derive_scan_id(roll_call_id, ",
        "derive_scan_id(at, ",
        (f"{ROLL_CALLS}::test_the_same_call_again_records_nothing_and_answers_the_same",),
    ),
    Break(
        "a wrong id among those who are not there makes somebody present",
        "tenant_apps/attendance/services/roll_calls.py",
        "    if strangers:\n",
        "    if False:\n",
        (f"{ROLL_CALLS}::test_calls_that_cannot_be_meant",),
    ),
    Break(
        "the times of a file are held to the bounds of a device's clock",
        "tenant_apps/attendance/services/recording.py",
        "is_told = scan.door == Door.FILE",
        "is_told = False",
        (f"{SCAN_FILES}::test_a_file_of_last_week_counts_by_its_times",),
    ),
    Break(
        "whoever follows a worker that died records its rows under other ids",
        "tenant_apps/attendance/services/imports.py",
        "scan_id=row.scan_id or derive_scan_id(started.pk, line.number)",
        "scan_id=row.scan_id",
        (f"{SCAN_FILES}::test_a_worker_that_was_killed_is_followed_by_another",),
    ),
    Break(
        "a worker that was overtaken counts its rows too",
        "tenant_apps/attendance/services/imports.py",
        " AND processed = %(begin)s",
        "",
        (f"{SCAN_FILES}::test_two_workers_at_once_count_each_row_once",),
    ),
    Break(
        "a dry run sees of somebody only the rows of one chunk",
        "tenant_apps/attendance/services/imports.py",
        "        while lines[end - 1].person == lines[end].person:\n",
        "        while False:\n",
        (f"{SCAN_FILES}::test_a_worker_that_was_killed_is_followed_by_another",),
    ),
    Break(
        "a file is recorded for somebody who may not send it any more",
        "tenant_apps/attendance/services/imports.py",
        "    if not person.is_active or not may(",
        "    if False and not may(",
        (f"{SCAN_FILES}::test_whoever_may_no_more_has_nothing_recorded",),
    ),
    Break(
        "organizers see the files of events that others run",
        "tenant_apps/attendance/selectors/imports.py",
        "rows.filter(event__organizer_id=user.pk)",
        "rows",
        (f"{SCAN_FILES}::test_who_may_send_and_see_files",),
    ),
    Break(
        "the example scanner believes a manifest that its campus did not sign",
        EXAMPLE,
        'public_key.verify(decode(said["signature"]), b"EASM1." + text.encode())',
        "del public_key, text",
        (SCANNER_EXAMPLE,),
    ),
    Break(
        "the example scanner answers before its scan is on the disk",
        EXAMPLE,
        "        self.file.flush()\n        os.fsync(self.file.fileno())\n",
        "",
        (SCANNER_EXAMPLE,),
    ),
    Break(
        "the example scanner corrects times that the server corrects too",
        EXAMPLE,
        '"captured_at": self.device_now()',
        '"captured_at": self.now().isoformat()',
        (SCANNER_EXAMPLE,),
    ),
    Break(
        "the example scanner drops scans of an event that is a draft still",
        EXAMPLE,
        "elif status == 404:",
        "elif status == 0:",
        (SCANNER_EXAMPLE,),
    ),
    Break(
        "the example scanner keeps its names when it was revoked",
        EXAMPLE,
        "        shutil.rmtree(self.directory)\n",
        "",
        (SCANNER_EXAMPLE,),
    ),
    Break(
        "an export's file is anybody's of the campus",
        "tenant_apps/exports/selectors.py",
        "filter(pk=export_id, requested_by_id=user.pk)",
        "filter(pk=export_id)",
        (EXPORTS,),
    ),
    Break(
        "the file is handed out, whoever may read the list now",
        "tenant_apps/exports/api/views.py",
        "        read_page(user=user, dataset=DATASETS[export.dataset], filters=export.filters, most=1)\n",
        "",
        (EXPORTS,),
    ),
    Break(
        "a worker that was overtaken keeps its file",
        "tenant_apps/exports/services.py",
        ".filter(pk=export.pk, attempts=export.attempts)",
        ".filter(pk=export.pk)",
        (EXPORTS,),
    ),
    Break(
        "text in a sheet may be a formula",
        "tenant_apps/exports/documents.py",
        'if not text.startswith(("=", "#")):',
        "if text:",
        (EXPORTS,),
    ),
    Break(
        "a certificate outlives its ground",
        "tenant_apps/certificates/rules.py",
        "return not revoked and status in CREDITED",
        "return not revoked",
        (CERTIFICATES,),
    ),
    Break(
        "everybody reads everybody's certificates",
        "tenant_apps/certificates/selectors.py",
        "else mine)\n",
        "else Q())\n",
        (CERTIFICATES,),
    ),
    Break(
        "workers do not wait for each other at a run",
        "tenant_apps/certificates/services.py",
        'Run.objects.select_for_update(of=("self",)).select_related',
        "Run.objects.select_related",
        (CERTIFICATES,),
    ),
    Break(
        "words of certificates may name anything",
        "tenant_apps/certificates/rules.py",
        "if name not in PLACEHOLDERS",
        "if False",
        (CERTIFICATES,),
    ),
    Break(
        "names on the page of verification are HTML",
        "tenant_apps/certificates/api/views.py",
        '"found": answer})',
        '"found": answer}, autoescape=False)',
        (CERTIFICATES,),
    ),
    Break(
        "pictures are kept as they were sent",
        "tenant_apps/uploads/services.py",
        "kept = picture.content if picture else content",
        "kept = content",
        (UPLOADS,),
    ),
    Break(
        "a picture may have any number of pixels",
        "tenant_apps/uploads/images.py",
        "str(settings.UPLOAD_PIXELS)",
        "str(2**62)",
        (UPLOADS,),
    ),
    Break(
        "a picture may take any amount of memory",
        "tenant_apps/uploads/image_process.py",
        "        (resource.RLIMIT_AS, memory),\n",
        "",
        (UPLOADS,),
    ),
    Break(
        "a PDF may end with something else",
        "tenant_apps/uploads/rules.py",
        "%%EOF\\s*\\Z",
        "%%EOF",
        ("tests/tenant_apps/uploads/test_rules.py",),
    ),
    Break(
        "evidence is read by anybody of the campus",
        "tenant_apps/attendance/api/evidence.py",
        "found = get_request(user=actor(request), request_id=request_id)\n        upload",
        "found = get_request.__globals__['AttendanceRequest'].objects.get(pk=request_id)\n        upload",
        (UPLOADS,),
    ),
    Break(
        "evidence changes after the decision",
        "tenant_apps/attendance/services/evidence.py",
        "        lock_own_request(by=by, request_id=request_id)\n        if",
        "        if",
        (UPLOADS,),
    ),
    Break(
        "room is counted without a lock",
        "tenant_apps/uploads/services.py",
        'ON CONFLICT (id) DO UPDATE SET used = {table}.used "\n            "RETURNING used"',
        'ON CONFLICT DO NOTHING; SELECT used FROM {table}"',
        (UPLOADS,),
    ),
    Break(
        "files of all campuses are in one folder",
        "tenant_apps/uploads/storage.py",
        'return f"{current_campus().id}/{name}"',
        'return f"all/{name}"',
        (UPLOADS,),
    ),
    Break(
        "the sweep does not wait for rows that are on their way",
        "tenant_apps/uploads/services.py",
        "before=at - YOUNGEST_ORPHAN",
        "before=at",
        (UPLOADS,),
    ),
    Break(
        "browsers may guess what a document is",
        "shared_apps/common/api/files.py",
        '"attachment" if as_attachment else "inline"',
        '"inline"',
        (UPLOADS,),
    ),
    Break(
        "a calendar's secret opens it at every campus that has the row",
        "tenant_apps/events/selectors/calendars.py",
        'digest(f"{site_code()}.calendar_{secret}")',
        "digest(secret)",
        (CALENDARS,),
    ),
    Break(
        "the calendar of a closed account stays open",
        "tenant_apps/events/selectors/calendars.py",
        "if feed is None or not feed.user.is_active:",
        "if feed is None:",
        (CALENDARS,),
    ),
    Break(
        "calendars show what somebody else is expected at",
        "tenant_apps/events/selectors/calendars.py",
        "e.organizer_id = u.id OR (e.is_required",
        "e.organizer_id = u.id OR (NOT e.is_required",
        (CALENDARS,),
    ),
    Break(
        "a signature sheet of one section names others",
        "tenant_apps/reports/selectors/sheets.py",
        '" AND ".join(narrowed) or "true"',
        '"true"',
        (SHEETS,),
    ),
    Break(
        "the example scanner forgets whose passes were revoked before the last delta",
        EXAMPLE,
        'dict(self.revoked) if revocations["is_delta"] else {}',
        "{}",
        (SCANNER_EXAMPLE,),
    ),
    Break(
        "a live view of one event tells of another",
        "tenant_apps/live/hub.py",
        "about.get(_key(stream.topic), {})",
        "next(iter(about.values()), {})",
        (f"{STREAMS}::test_an_organizer_sees_arrivals_refusals_and_corrections",),
    ),
    Break(
        "any organizer follows any event live",
        "tenant_apps/live/api/views.py",
        "        get_reported_event(user=actor(request), event_id=event_id)\n",
        "",
        (f"{MATRIX}::test_campus_route[GET live/events/{{event_id}}/]",),
    ),
    Break(
        "a live view outlives its token",
        "tenant_apps/live/hub.py",
        "if stream.token_id not in good:",
        "if False:",
        (f"{STREAMS}::test_a_right_that_is_lost_ends_the_stream",),
    ),
    Break(
        "a live view takes transactions to end in the order of their numbers",
        "tenant_apps/live/selectors.py",
        "SELECT pg_snapshot_xmin(s)::text::bigint AS horizon",
        "SELECT pg_snapshot_xmax(s)::text::bigint AS horizon",
        (NEWS,),
    ),
)


def page() -> str:
    """Return docs/planted-breaks.md."""
    rows = "\n".join(
        f"| {planted.name} | `{planted.path}` | {', '.join(f'`{test}`' for test in planted.tests)} |"
        for planted in BREAKS
    )
    return (
        "# Planted breaks\n\n"
        "A test that never fails proves nothing. Each line is a defence that is taken away in a copy of the code\n"
        "(`tests/planted/breaks.py`); the tests named beside it then fail. CI plants all of them with every run:\n"
        "`python3 manage.py test tests/planted -m slow`. A break that nobody notices fails the run.\n\n"
        f"Result of the last run before this page was printed: {len(BREAKS)} planted, {len(BREAKS)} noticed.\n\n"
        f"| taken away | in | noticed by |\n| --- | --- | --- |\n{rows}\n"
    )


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
