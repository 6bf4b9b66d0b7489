"""How views become OpenAPI."""

from typing import Any, Final

import django_filters
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_parameter_type
from drf_spectacular.settings import spectacular_settings

_ERROR: Final = {
    "type": "object",
    "description": "Every error, whatever its status. The codes are listed in docs/reference/error-codes.md.",
    "properties": {
        "type": {"type": "string", "enum": ["validation_error", "client_error", "server_error"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "code": {"type": "string", "description": "Stable, for machines"},
                    "detail": {"type": "string", "description": "A sentence for people"},
                    "attr": {"type": ["string", "null"], "description": "The field or parameter it is about"},
                },
                "required": ["code", "detail", "attr"],
            },
        },
    },
    "required": ["type", "errors"],
}


class Schema(AutoSchema):
    """Each operation has one tag: the longest of the settings' with which its path begins."""

    def get_tags(self) -> list[str]:
        path = self.path.removeprefix("/api/v1/")
        names = [tag["name"] for tag in spectacular_settings.TAGS if path.startswith(f"{tag['name']}/")]
        return [max(names, key=len, default=path.split("/")[0])]

    def get_summary(self) -> str:
        """Return the first sentence of the description, for lists of operations, which show plain text."""
        return self.get_description().split("\n", 1)[0].split(". ", 1)[0].rstrip(".").replace("`", "")

    def _get_filter_parameters(self) -> list[dict[str, Any]]:
        """Describe what ``answer_list`` narrows by: the view's filter set."""
        filters = getattr(self.view, "filterset_class", None)
        if filters is None or not self._is_list_view():
            return []
        return [
            build_parameter_type(
                name=name, location="query", schema=_schema_of(one), description=str(one.label or "") or None
            )
            for name, one in filters.base_filters.items()
        ]


def _schema_of(one: django_filters.Filter) -> dict[str, Any]:
    """Return the JSON schema of a filter's value."""
    if isinstance(one, django_filters.OrderingFilter):
        names = [name for name, _ in one.extra["choices"]]
        return {"type": "string", "enum": names}
    if isinstance(one, django_filters.ChoiceFilter):
        return {"type": "string", "enum": [str(value) for value, _ in one.extra["choices"]]}
    for kind, schema in _FILTER_TYPES:
        if isinstance(one, kind):
            return schema
    format_ = getattr(one, "openapi_format", None)
    return {"type": "string", "format": format_} if format_ else {"type": "string"}


_FILTER_TYPES: Final[tuple[tuple[type, dict[str, Any]], ...]] = (
    (django_filters.BooleanFilter, {"type": "boolean"}),
    (django_filters.UUIDFilter, {"type": "string", "format": "uuid"}),
    (django_filters.NumberFilter, {"type": "integer"}),
)


def write_markdown(result: Any, generator: Any = None, request: Any = None, public: Any = None) -> Any:
    """Turn docstrings' ``code`` into Markdown's `code` in every description (drf-spectacular hook)."""
    pairs = result.items() if isinstance(result, dict) else enumerate(result) if isinstance(result, list) else ()
    for name, value in pairs:
        if name == "description" and isinstance(value, str):
            result[name] = value.replace("``", "`")
        write_markdown(value)
    return result


def add_errors(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Give every operation the one error shape for whatever it does not describe itself (drf-spectacular hook)."""
    result["components"]["schemas"]["ErrorBody"] = _ERROR
    answer = {
        "description": "An error",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}},
    }
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = answer
    return result


def tell_defaults(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Say defaults of request bodies in words: generators of clients take a field with ``default`` for a required one
    (drf-spectacular hook).
    """
    for name, schema in result["components"]["schemas"].items():
        if not name.endswith("Request"):
            continue
        for field in schema.get("properties", {}).values():
            default = field.pop("default", None)
            if default not in (None, ""):
                said = f"`{default}` if it is left out"
                field["description"] = f"{field['description']}; {said}" if field.get("description") else said
    return result


def keep_used_tags(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Take out of the table of contents what this site does not have (drf-spectacular hook)."""
    operations = [operation for path in result["paths"].values() for operation in path.values()]
    used = {tag for operation in operations for tag in operation["tags"]}
    result["tags"] = [tag for tag in result["tags"] if tag["name"] in used]
    return result
