"""The ordinary: the customer's guide as most teams would build it, kept as small as honest.

django-tenants with its own middleware and search_path, stock Django middleware, DRF with TokenAuthentication,
``mark_attendance`` as the action of a ModelViewSet. ``BENCH_TUNED=1`` adds what a team that measures adds: persistent
connections, one ``SET search_path`` a request, and the campus cached by host.
"""
