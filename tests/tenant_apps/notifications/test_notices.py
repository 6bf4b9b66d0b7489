"""notifications/: one's own, and nobody else's."""

from datetime import timedelta
from uuid import uuid4

from django.db import connection

from shared_apps.common.clock import now
from tenant_apps.notifications.models import Notice
from tenant_apps.notifications.services.notices import send_notices
from tests.cast import Cast, Http, Site


def tell(site: Site, *texts: str, to: str = "student") -> None:
    with site.here():
        for number, text in enumerate(texts):
            at = now() - timedelta(minutes=len(texts) - number)
            send_notices(to=[getattr(site, to).id], kind="test", text=text, at=at, event_id=uuid4())


def test_one_s_own_notices_newest_first(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    tell(campus, "first", "second", "third")
    tell(campus, "for Ben", to="friend")
    tell(cast.delcarmen, "elsewhere")

    def texts(**query: str) -> list[str]:
        answer = http.get("notifications/", by=campus.student, **query)
        assert answer.status_code == 200, answer.content
        return [row["text"] for row in answer.json()["results"]]

    def unread() -> int:
        return http.get("notifications/unread/", by=campus.student).json()["unread"]

    assert (texts(), unread()) == (["third", "second", "first"], 3)
    second = http.get("notifications/", by=campus.student).json()["results"][1]
    read = http.post(f"notifications/{second['id']}/read/", by=campus.student)
    again = http.post(f"notifications/{second['id']}/read/", by=campus.student)
    assert (second["read_at"], read.status_code) == (None, 200)
    assert read.json()["read_at"] == again.json()["read_at"] is not None
    assert (texts(unread="true"), texts(unread="false"), unread()) == (["third", "first"], ["second"], 2)
    assert http.get("notifications/", by=campus.student, unread="maybe").status_code == 400
    assert http.post("notifications/read-all/", by=campus.student).json() == {"unread": 0}
    assert (texts(unread="true"), len(texts())) == ([], 3)
    assert http.get("notifications/unread/", by=campus.friend).json() == {"unread": 1}


def test_nobody_reads_or_marks_another_s(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    tell(campus, "for Ana")
    tell(cast.delcarmen, "elsewhere")
    with campus.here():
        mine = Notice.objects.get()
    with cast.delcarmen.here():
        theirs = Notice.objects.get()

    answers = [
        http.post(f"notifications/{mine.pk}/read/", by=campus.friend),
        http.post(f"notifications/{mine.pk}/read/", by=campus.admin),
        http.post(f"notifications/{theirs.pk}/read/", by=campus.student),
        http.post(f"notifications/{uuid4()}/read/", by=campus.student),
    ]
    http.post("notifications/read-all/", by=campus.friend)

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    for site, notice in ((campus, mine), (cast.delcarmen, theirs)):
        with site.here():
            notice.refresh_from_db()
            assert notice.read_at is None


def test_the_list_costs_the_same_at_one_and_at_many(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    tell(campus, *[f"n{number}" for number in range(30)])

    def statements(**query: str) -> int:
        before = connection.statements
        assert http.get("notifications/", by=campus.student, **query).status_code == 200
        return connection.statements - before

    assert statements(page_size="1") == statements(page_size="100") <= 3
