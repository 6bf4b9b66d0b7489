"""One view."""

import json
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import path

from bench.passes import split_pass

_KEY = Ed25519PublicKey.from_public_bytes(settings.PASS_KEY)
_INSERT = """
    INSERT INTO attendance (event_id, person_id, marked_at) VALUES (%s, %s, now())
    ON CONFLICT (event_id, person_id) DO NOTHING RETURNING id
"""


def mark(request: HttpRequest) -> JsonResponse:
    """Record a presence."""
    body = json.loads(request.body)
    person_id, signed, signature = split_pass(body["pass"])
    try:
        _KEY.verify(signature, signed)
    except InvalidSignature:
        return JsonResponse({"error": "forged"}, status=422)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [UUID(body["event_id"]), person_id])
        row = cursor.fetchone()
    return JsonResponse({"id": row[0] if row else None}, status=201 if row else 200)


urlpatterns = [path("mark/", mark)]
