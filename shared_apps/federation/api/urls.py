"""Routes of the federation: on the public site, and on a campus."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from shared_apps.federation.api import campus, public

_public = SimpleRouter(use_regex_path=False)
_public.register("events", public.UniversityEventViewSet, basename="university-event")
_public.register("visits", public.LedgerViewSet, basename="ledger")
_public.register("reconciliations", public.ReconciliationViewSet, basename="reconciliation")
public_urls = [path("totals/", public.TotalsView.as_view(), name="federation-totals"), *_public.urls]

_campus = SimpleRouter(use_regex_path=False)
_campus.register("events", campus.FederatedEventViewSet, basename="federated-event")
_campus.register("registrations", campus.RegistrationViewSet, basename="federated-registration")
_campus.register("visits", campus.VisitViewSet, basename="visit")
campus_urls = _campus.urls
