"""Signing in and out, and one's own password, by the services that the API calls."""

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.urls import reverse
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from shared_apps.accounts.errors import (
    TooManyPasswordTries,
    TooManySignIns,
    WeakPassword,
    WrongCredentials,
    WrongPassword,
)
from shared_apps.accounts.roles import Can
from shared_apps.accounts.services import tokens, users
from shared_apps.administration.pages.base import Door, FormPage, Page, show, tell
from shared_apps.administration.pages.session import DEVICE_COOKIE, read_session, write_device, write_session
from shared_apps.common.clock import now
from shared_apps.common.errors import Unauthenticated
from shared_apps.common.network import client_address


class SignInForm(forms.Form):
    username = forms.CharField(
        max_length=254,
        label="Username or e-mail",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "username"}),
    )
    password = forms.CharField(
        max_length=128, strip=False, widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"})
    )


class SignInPage(Door):
    """``/admin/login/``"""

    def get(self, request: HttpRequest) -> HttpResponse:
        try:
            read_session(request, at=now())
        except Unauthenticated:
            return self._show(request, SignInForm())
        return HttpResponseRedirect(_next(request))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Sign in: the same checks, waits and audit as ``auth/login/``, and a token for pages alone."""
        form = SignInForm(request.POST)
        if not form.is_valid():
            return self._show(request, form, status=400)
        try:
            signed_in = tokens.sign_in(
                name=form.cleaned_data["username"],
                password=form.cleaned_data["password"],
                label="admin",
                device=request.COOKIES.get(DEVICE_COOKIE, ""),
                address=client_address(request),
                at=now(),
                to_pages=True,
            )
        except (WrongCredentials, TooManySignIns) as refusal:
            tell(form, refusal)
            response = self._show(request, form, status=refusal.status)
            if isinstance(refusal, TooManySignIns):
                response["Retry-After"] = str(refusal.wait)
            return response
        rotate_token(request)
        response = HttpResponseRedirect(_next(request))
        write_session(response, signed_in.text)
        write_device(response, signed_in.device)
        return response

    def _show(self, request: HttpRequest, form: SignInForm, status: int = 200) -> HttpResponse:
        return show(request, "sign_in.html", form=form, title="Sign in", next=_next(request), status=status)


class SignOutPage(Page):
    """``/admin/logout/``"""

    needs = Can.USE_OWN_ACCOUNT

    def post(self, request: HttpRequest) -> HttpResponse:
        """End this sign-in."""
        tokens.revoke_tokens(user=self.by, at=now(), token_id=self.token_id)
        self.is_over = True
        return HttpResponseRedirect(reverse("admin:login"))


class PasswordForm(forms.Form):
    current_password = forms.CharField(
        max_length=128, strip=False, widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"})
    )
    new_password = forms.CharField(
        max_length=128, strip=False, widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="At least 10 characters. Every sign-in of yours ends, this one too.",
    )  # fmt: skip


class PasswordPage(FormPage):
    """``/admin/password/``"""

    needs = Can.USE_OWN_ACCOUNT
    form, title, button, back = PasswordForm, "Change password", "Change password", "index"
    refusals = (TooManyPasswordTries, WrongPassword, WeakPassword)

    def do(self, request: HttpRequest, form: PasswordForm) -> HttpResponse:
        """Set a new password; every sign-in ends."""
        data = form.cleaned_data
        users.change_password(user=self.by, at=now(), current=data["current_password"], new=data["new_password"])
        self.is_over = True
        return HttpResponseRedirect(reverse("admin:login"))


def _next(request: HttpRequest) -> str:
    """Return the page that was asked for; never one of elsewhere, nor one that ends what has just begun."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    index = reverse("admin:index")
    is_ours = wanted.startswith(index) and not any(mark in wanted for mark in ("\\", "//", "..", "\r", "\n"))
    return wanted if is_ours and not wanted.startswith((reverse("admin:logout"), reverse("admin:login"))) else index
