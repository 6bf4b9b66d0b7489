"""Bodies as the API accepts them: bounded in size and depth, and in JSON nothing PostgreSQL could not store."""

import json
import re
from typing import IO, Any, Final, NoReturn

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser, MultiPartParser

MAX_DEPTH: Final = 20
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SUSPICIOUS = re.compile(r"\\u(?:0000|[dD][89a-fA-F])|\x00")


class BodyTooLarge(APIException):
    """The body is over the limit of its kind."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"
    default_detail = "The request body is too large."


class StrictJSONParser(BaseParser):
    """RFC 8259 without its traps: no NaN, no duplicate keys, no NUL, no lone surrogates, at most 20 levels."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        raw = read_limited(stream, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        try:
            text = raw.decode("utf-8")
            value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
        except RecursionError:
            raise _too_deep() from None
        except ValueError as error:
            raise ParseError(f"Not valid JSON: {str(error)[:200]}") from None
        # Walking costs more than parsing; it is needed only where the text holds what it looks for.
        if text.count("[") + text.count("{") > MAX_DEPTH or _SUSPICIOUS.search(text):
            _walk(value, MAX_DEPTH)
        return value


class LimitedMultiPartParser(MultiPartParser):
    """A form with one file. Refuses by the announced length, before anything is read."""

    # The setting that says how long.
    limit = "IMPORT_LIMIT"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        length = str(parser_context["request"].META.get("CONTENT_LENGTH") or 0)
        most = getattr(settings, self.limit)
        if not length.isdecimal() or int(length) > most + 10_000:  # the parts around the file
            raise BodyTooLarge(f"A file has at most {most} bytes.")
        try:
            return super().parse(stream, media_type, parser_context)
        except RequestDataTooBig:
            raise BodyTooLarge("The fields beside the file are too large.") from None


def read_limited(stream: IO[bytes], limit: int) -> bytes:
    """Return the whole body.

    Raises: BodyTooLarge beyond ``limit`` bytes, having read no more than that.
    """
    raw = stream.read(limit + 1)
    if len(raw) > limit:
        raise BodyTooLarge(f"The request body is larger than {limit} bytes.")
    return raw


def _walk(value: Any, depth: int) -> None:
    if depth < 0:
        raise _too_deep()
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise ParseError("Text holds a NUL character or half of a surrogate pair.")
    elif isinstance(value, list):
        for item in value:
            _walk(item, depth - 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            _walk(key, depth)
            _walk(item, depth - 1)


def _too_deep() -> ParseError:
    return ParseError(f"JSON is nested deeper than {MAX_DEPTH} levels.")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names the same key twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
