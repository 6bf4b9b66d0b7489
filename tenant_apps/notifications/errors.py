"""What notifications refuse."""

from shared_apps.common.errors import NotFound


class NoticeNotFound(NotFound):
    code = "not_found"
