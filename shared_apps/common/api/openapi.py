"""How views become OpenAPI: one schema class, error answers included."""

from drf_standardized_errors.openapi import AutoSchema


class Schema(AutoSchema):
    """Tags by the first part of the path; every operation documents the errors that its view can give."""

    def get_tags(self) -> list[str]:
        parts = self.path.removeprefix("/api/v1/").split("/")
        return [parts[0] if parts[0] == "auth" else "/".join(part for part in parts[:2] if not part.startswith("{"))]
