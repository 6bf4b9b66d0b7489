"""Lists that are read, narrowed and leafed through, and never counted: some have millions of rows."""

from typing import Any, ClassVar, Final

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.widgets import SELECT_CLASSES, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from shared_apps.administration.pages.base import Page, show

_ROWS: Final = 50
_MOST_PAGES: Final = 200


class Filters(forms.Form):
    """What a list may be narrowed by, from the query string; a subclass names the fields."""

    page = forms.IntegerField(min_value=1, max_value=_MOST_PAGES, required=False, widget=forms.HiddenInput)

    @staticmethod
    def text(label: str, *, most: int = 64) -> forms.CharField:
        widget = UnfoldAdminTextInputWidget(attrs={"placeholder": label})
        return forms.CharField(label=label, max_length=most, required=False, widget=widget)

    @staticmethod
    def uuid(label: str) -> forms.UUIDField:
        return forms.UUIDField(
            label=label, required=False, widget=UnfoldAdminTextInputWidget(attrs={"placeholder": label})
        )

    @staticmethod
    def choice(label: str, values: Any) -> forms.ChoiceField:
        choices = [("", f"{label}: all"), *((value, value) for value in values)]
        widget = UnfoldAdminSelectWidget(attrs={"class": " ".join(SELECT_CLASSES), "aria-label": label})
        return forms.ChoiceField(label=label, choices=choices, required=False, widget=widget)


class ListPage(Page):
    """One list: ``columns`` are its headings, ``cells`` what a row shows."""

    title: ClassVar[str]
    lead: ClassVar[str] = ""
    columns: ClassVar[tuple[str, ...]]
    filters: ClassVar[type[Filters]] = Filters
    template: ClassVar[str] = "list.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show one page of the list."""
        form = self.filters(request.GET)
        is_readable = form.is_valid()
        number = (form.cleaned_data.get("page") or 1) if is_readable else 1
        start = (number - 1) * _ROWS
        found = list(self.rows(form.cleaned_data)[start : start + _ROWS + 1]) if is_readable else []
        self.look_up(found[:_ROWS])
        query = request.GET.copy()
        query.pop("page", None)
        return show(
            request, self.template, status=200 if is_readable else 400, title=self.title, lead=self.lead, filters=form,
            table={"headers": list(self.columns), "rows": [self.cells(row) for row in found[:_ROWS]]},
            narrowed=any(query.values()), query=query.urlencode(), number=number,
            before=number - 1 if number > 1 else None,
            after=number + 1 if len(found) > _ROWS and number < _MOST_PAGES else None,
        )  # fmt: skip

    def rows(self, asked: dict[str, Any]) -> QuerySet[Any]:
        raise NotImplementedError

    def look_up(self, page: list[Any]) -> None:
        """Ask once for what the rows of the page need together."""

    def cells(self, row: Any) -> list[Any]:
        raise NotImplementedError
