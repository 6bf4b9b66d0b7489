"""What the registry's own verbs refuse; what concerns routing is in ``tenants.errors``."""

from shared_apps.common.errors import Unauthenticated


class WrongGrant(Unauthenticated):
    code = "wrong_grant"
    detail = "This grant is unknown here, used up or expired."
