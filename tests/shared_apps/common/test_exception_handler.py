"""How errors are answered and what of them is logged."""

import logging

import pytest
from django.db import DataError

from shared_apps.common.api.exception_handler import handle_exception


def test_a_value_that_the_database_refuses_is_400_and_is_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="eas.error"):
        answer = handle_exception(DataError('invalid input syntax: "SECRET"'), {})

    assert answer is not None
    assert answer.status_code == 400
    (record,) = caplog.records
    assert (record.getMessage(), record.outcome, record.exc_info) == ("value_refused_by_database", "DataError", None)
