"""What every page of the admin stands on: who may see it, forged requests refused, headers, errors as pages."""

from typing import Any, ClassVar, Final
from urllib.parse import quote

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_protect
from django.views.generic import View

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Can, may
from shared_apps.administration.pages.messages import Messages
from shared_apps.administration.pages.session import end_session, read_session, write_session
from shared_apps.administration.pages.site import site
from shared_apps.common.clock import now
from shared_apps.common.errors import DomainError, Forbidden, NotFound, TooManyRequests, Unauthenticated

# Alpine, which unfold's pages are made with, evaluates the expressions in their attributes. Nothing of elsewhere is
# loaded, framed or posted to.
_POLICY: Final = "; ".join(
    (
        "default-src 'none'", "script-src 'self' 'unsafe-eval'", "style-src 'self' 'unsafe-inline'", "font-src 'self'",
        "img-src 'self' data:", "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
    )
)  # fmt: skip


@method_decorator(csrf_protect, name="dispatch")
class Door(View):
    """A page for everybody: the sign-in. Sets headers, and answers refusals as pages."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request._messages = Messages(request)  # type: ignore[attr-defined]
        try:
            response = self.enter(request, *args, **kwargs)
        except DomainError as refusal:
            response = answer_refusal(request, refusal)
        request._messages.update(response)  # type: ignore[attr-defined]
        response["Content-Security-Policy"] = _POLICY
        response["Cache-Control"] = "no-store"
        response["X-Frame-Options"] = "DENY"
        # The project's "no-referrer" makes browsers send forms from nowhere, which the check of forgeries refuses.
        response["Referrer-Policy"] = "same-origin"
        return response

    def enter(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return super().dispatch(request, *args, **kwargs)


class Page(Door):
    """A page for super admins; ``needs`` names a line of the permission table, and without one nobody may."""

    needs: ClassVar[Can | None] = None
    # Set by what ends the sign-in that it was called with.
    is_over = False

    def enter(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            user, token_id, text = read_session(request, at=now())
        except Unauthenticated:
            return HttpResponseRedirect(f"{reverse('admin:login')}?next={quote(request.get_full_path())}")
        request.user = user
        request.actor = user  # type: ignore[attr-defined]  # the request's log line names who it was
        self.token_id = token_id
        if self.needs is None or not may(user.role, self.needs):
            raise Forbidden
        try:
            response = super().enter(request, *args, **kwargs)
        except DomainError as refusal:
            response = answer_refusal(request, refusal)
        if self.is_over:
            end_session(response)
        else:
            write_session(response, text)
        return response

    @property
    def by(self) -> User:
        """Who acts."""
        return self.request.user  # type: ignore[return-value]


class FormPage(Page):
    """A page with one form: empty at first, and shown again with what is wrong with it."""

    form: ClassVar[type[Form]]
    title: ClassVar[str]
    button: ClassVar[str]
    # The page to go back to.
    back: ClassVar[str]
    # What of the service is said in the form; every other refusal is a page.
    refusals: ClassVar[tuple[type[DomainError], ...]] = (DomainError,)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show(request, self.form())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Do what the form says."""
        form = self.form(request.POST)
        if not form.is_valid():
            return self._show(request, form, status=400)
        try:
            return self.do(request, form)
        except self.refusals as refusal:
            tell(form, refusal)
            return self._show(request, form, status=refusal.status)

    def do(self, request: HttpRequest, form: Any) -> HttpResponse:
        """Call the service with what was filled in, and return where to go then."""
        raise NotImplementedError

    def _show(self, request: HttpRequest, form: Form, status: int = 200) -> HttpResponse:
        return show(
            request, "form.html", form=form, title=self.title, button=self.button, back=reverse(f"admin:{self.back}"),
            status=status,
        )  # fmt: skip


class MissingPage(Page):
    """Every path under the admin that leads nowhere."""

    needs = Can.USE_OWN_ACCOUNT

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        raise NotFound


def show(request: HttpRequest, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
    """Return a page of ``administration/``, with what unfold's frame needs."""
    user = getattr(request, "user", None)
    frame = {**site.each_context(request), "user": user, "is_nav_sidebar_enabled": user is not None}
    return render(request, f"administration/{template}", {**frame, **context}, status=status)


def answer_refusal(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    """Return ``refusal`` as a page with its status."""
    response = show(request, "refused.html", title=refusal.message, code=refusal.code, status=refusal.status)
    if isinstance(refusal, TooManyRequests):
        response["Retry-After"] = str(refusal.wait)
    return response


def tell(form: Form, refusal: DomainError) -> None:
    """Show a service's refusal in the form, at the field that it names."""
    field = refusal.attr if refusal.attr in form.fields else None
    if refusal.message not in form.errors.get(field or "__all__", ()):
        form.add_error(field, refusal.message)


def go(request: HttpRequest, page: str, *args: Any, told: str) -> HttpResponse:
    """Send the browser on after something was done, and say so there."""
    messages.success(request, told)
    return HttpResponseRedirect(reverse(f"admin:{page}", args=args))


def refuse_forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that does not come from a page of ours, or came too late."""
    response = show(
        request, "refused.html", title="This form is too old, or not one of ours.", code="forged", status=403
    )
    response["Content-Security-Policy"] = _POLICY
    return response
