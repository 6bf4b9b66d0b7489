"""``events/attendance/batch/``: scans that were taken without a network."""

from typing import Any, ClassVar, cast

from drf_spectacular.utils import extend_schema, extend_schema_field
from drf_standardized_errors.formatter import ExceptionFormatter
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.serializers import AnyField, DeviceClockField, IdField, InstantField, StrictSerializer
from shared_apps.common.clock import now
from tenant_apps.attendance.api.plain import read_plain_scan
from tenant_apps.attendance.api.serializers import MarkAttendanceSerializer, ScanAnswerSerializer, read_scan
from tenant_apps.attendance.rules.scans import Door
from tenant_apps.attendance.services.batches import MOST_SCANS, record_batch
from tenant_apps.attendance.services.verdicts import ScanAnswer, measure_skew

MOST_SEQUENCE = 2**63 - 1


class BatchedScanSerializer(MarkAttendanceSerializer):
    """One scan of a batch: as ``mark_attendance`` takes it, with the device's own id of it."""

    scan_id = IdField(help_text="The device's own id of this scan: sent again, it gets the first answer")
    sequence = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=MOST_SEQUENCE,
        help_text=(
            "The device's number of this scan, without gaps over all events: what has not arrived is known by it. "
            "What was tried with mark_attendance has none"
        ),
    )  # fmt: skip
    # Said once for the whole batch.
    device_now = None  # type: ignore[assignment]
    dry_run = None  # type: ignore[assignment]


@extend_schema_field(BatchedScanSerializer(many=True))
class ScansField(serializers.ListField):
    """The scans as they were sent: each is looked at by itself, so that a bad one does not stop the rest."""

    child = AnyField(allow_null=True)


class BatchSerializer(StrictSerializer):
    """Up to 500 scans, of any events, in any order."""

    device_now = DeviceClockField(
        required=False, allow_null=True, help_text="The device's clock as it sends this: by it its times are corrected"
    )
    queue_depth = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=2**31 - 1,
        help_text="How many scans it still keeps beside these",
    )
    dry_run = serializers.BooleanField(default=False, help_text="Answer the same, and write nothing")
    scans = ScansField(min_length=1, max_length=MOST_SCANS)


class BatchResultSerializer(serializers.Serializer):
    """What became of one scan."""

    scan_id = serializers.CharField(allow_null=True, help_text="As it was sent; null where it cannot be read")
    status = serializers.IntegerField(help_text="What mark_attendance would have answered for it; 400: unusable")
    body = ScanAnswerSerializer(help_text="The body of that answer, an error's in the one error shape")


class BatchAnswerSerializer(serializers.Serializer):
    """What became of each scan, in the order they were sent."""

    results = BatchResultSerializer(many=True)
    received_at = InstantField()
    skew = serializers.IntegerField(allow_null=True, help_text="Milliseconds by which the device's clock is ahead")


class BatchView(View):
    """Scans that were taken without a network, or just many of them."""

    permissions: ClassVar = {"post": Can.SEND_SCANS}
    # Each scan has a key of its own, ``scan_id``; and it may not run inside another transaction.
    takes_idempotency_key: ClassVar[bool] = False

    @extend_schema(request=BatchSerializer, responses=BatchAnswerSerializer)
    def post(self, request: Request) -> Response:
        """Record up to 500 scans, in any order and any repetition. Each has its own result; one that is unusable or
        refused never stops the rest. Send the batch again when in doubt: nothing is counted twice.
        """
        context = {"request": request}
        body = BatchSerializer(data=request.data, context=context)
        body.is_valid(raise_exception=True)
        data, at = body.validated_data, now()
        skew = measure_skew(device_now=data.get("device_now"), at=at)
        reader = BatchedScanSerializer(context=context)
        results: list[ScanAnswer | None] = []
        scans = []
        for item in data["scans"]:
            try:
                read = read_plain_scan(item, has_sequence=True) or reader.run_validation(item)
            except ValidationError as error:
                results.append(ScanAnswer(400, _error_body(error)))
            else:
                scans.append(read_scan(read, skew=skew, door=Door.OFFLINE, sequence=read.get("sequence")))
                results.append(None)
        answers = iter(
            record_batch(
                by=actor(request), at=at, scans=scans, dry_run=data["dry_run"], queue_depth=data.get("queue_depth"),
                skew=skew,
            )
        )  # fmt: skip
        return Response(
            {
                "results": [
                    _result(item, result or next(answers)) for item, result in zip(data["scans"], results, strict=True)
                ],
                "received_at": at.astimezone(request._request.campus.zone).isoformat(),  # type: ignore[attr-defined]
                "skew": skew,
            }
        )


def _result(item: Any, answer: ScanAnswer) -> dict[str, Any]:
    scan_id = item.get("scan_id") if isinstance(item, dict) else None
    return {
        "scan_id": scan_id if isinstance(scan_id, str) else None, "status": answer.status, "body": answer.body,
    }  # fmt: skip


def _error_body(error: ValidationError) -> dict[str, Any]:
    """Return the error as the endpoint for one scan shapes it."""
    body: dict[str, Any] = ExceptionFormatter(error, cast(Any, {}), error).run()
    return body
