"""What idempotency refuses."""

from shared_apps.common.errors import Conflict, Invalid


class KeyReused(Conflict):
    code = "idempotency_key_reused"
    detail = "This Idempotency-Key was used for another request. Use a new one."


class InvalidKey(Invalid):
    code = "invalid_idempotency_key"
    detail = "An Idempotency-Key has 1 to 128 printable characters."
