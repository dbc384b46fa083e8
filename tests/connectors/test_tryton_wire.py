"""Values and errors on the wire; the errors were recorded from a real Tryton 8.0."""

import gzip
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from connectors.erp.tryton_wire import (
    LOGIN,
    Intent,
    NoDatabase,
    decoded,
    encoded,
    misfit,
    result,
    status_error,
    unpacked,
)
from resolvers.domain.errors import (
    BackendRefused,
    BackendThrottled,
    BackendTimedOut,
    BackendUnavailable,
    CommerceError,
    UnknownOutcome,
)
from tests.connectors.tryton_scripted import recorded


def test_a_call_has_exactly_three_keys_and_values_that_json_lacks():
    body = encoded(
        3,
        "model.x.create",
        [
            {"price": Decimal("12.3400"), "day": date(2026, 11, 5)},
            datetime(2026, 11, 5, 6, 7, 8, 9, tzinfo=UTC),
            ("id", "ASC"),
        ],
    )

    day = {"year": 2026, "month": 11, "day": 5}
    assert json.loads(body) == {
        "id": 3,
        "method": "model.x.create",
        "params": [
            {
                "price": {"__class__": "Decimal", "decimal": "12.3400"},
                "day": {"__class__": "date", **day},
            },
            {
                "__class__": "datetime",
                **day,
                "hour": 6,
                "minute": 7,
                "second": 8,
                "microsecond": 9,
            },
            ["id", "ASC"],
        ],
    }


def test_values_come_back_as_they_were_sent():
    values = [Decimal("1.10"), date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), None]

    assert decoded(encoded(1, "m", values))["params"] == values


def test_a_body_that_is_only_called_packed_is_read_as_it_is():
    assert unpacked(b'{"id":1}') == b'{"id":1}'
    assert unpacked(gzip.compress(b'{"id":1}')) == b'{"id":1}'


@pytest.mark.parametrize("damage", [slice(0, 20), slice(0, -4)])
def test_a_packed_body_that_is_cut_off_is_no_answer(damage):
    with pytest.raises(ValueError, match="packed"):
        unpacked(gzip.compress(b'{"id":1, "result": "a long enough answer"}')[damage])


def told(label: str, intent: Intent = Intent.WRITE) -> CommerceError:
    """The error that the connector makes of what a real server has said."""
    said = recorded("errors")[label]
    if said["status"] != 200:
        method = LOGIN if said["status"] == 429 else "model.x.y"
        return status_error(said["status"], method, intent, "erp")
    with pytest.raises(CommerceError) as raised:
        result(decoded(said["body"].encode()), "model.x.y", intent, "erp")
    return raised.value


@pytest.mark.parametrize(
    ("label", "kind", "message"),
    [
        (
            "wrong state",
            "INVALID",
            'erp: UserError: You can not call "confirm" on "1 [UC261125-0123456789]" of "Sale".',
        ),
        ("no right", "INVALID", 'erp: UserError: You are not allowed to access "Sale".'),
        ("stale", "CONFLICT", "erp: ConcurrencyException: changed by somebody else"),
        ("no such method", "PERMANENT", "erp: model.x.y: it does not offer this"),
        ("no password", "AUTH", "erp: LoginException: it wants more than a password"),
    ],
)
def test_a_refusal_keeps_its_class_and_a_short_message(label, kind, message):
    error = told(label)

    assert isinstance(error, BackendRefused)
    assert (error.kind, error.message, error.backend) == (kind, message, "erp")


def test_a_failure_inside_the_server_may_pass_for_a_write_but_ends_a_question():
    """What was written is rolled back; what cannot be read must not end the whole pass."""
    asked, written = told("no such field", Intent.READ), told("no such field", Intent.WRITE)

    message = "erp: model.x.y failed inside the server: 'nosuch'"
    assert isinstance(asked, BackendRefused)
    assert (asked.kind, asked.message) == ("PERMANENT", message)
    assert isinstance(written, BackendUnavailable)
    assert written.message == message


def test_a_database_that_cannot_be_opened_may_be_there_in_a_moment():
    """SQLite that is locked while somebody logs in is answered in the same way."""
    assert isinstance(told("unknown database"), NoDatabase)


def test_a_question_back_is_cut_to_one_short_line():
    error = told("asks back")

    assert isinstance(error, BackendRefused)
    assert error.kind == "CONFLICT"
    assert error.message.startswith('erp: UserWarning: The product "[BT0103-02]')
    assert len(error.message) < 200
    assert "\n" not in error.message


def test_a_locked_login_is_told_as_something_that_passes():
    error = told("locked out")

    assert isinstance(error, BackendUnavailable)
    assert error.message == (
        "erp: too many wrong passwords; the login is locked for about 5 minutes"
    )


@pytest.mark.parametrize(
    ("status", "intent", "expected"),
    [
        (503, Intent.WRITE, BackendUnavailable),
        (503, Intent.READ, BackendUnavailable),
        (504, Intent.READ, BackendTimedOut),
        (504, Intent.WRITE, UnknownOutcome),
        (500, Intent.READ, BackendUnavailable),
        (502, Intent.WRITE, UnknownOutcome),
        (302, Intent.WRITE, BackendUnavailable),
        (400, Intent.WRITE, BackendRefused),
    ],
)
def test_a_status_says_whether_a_write_may_have_been_done(status, intent, expected):
    assert type(status_error(status, "model.x.y", intent, "erp")) is expected


@pytest.mark.parametrize(("method", "seconds"), [("model.x.y", None), ("m", 7.0), (LOGIN, 7.0)])
def test_a_limit_that_is_none_of_trytons_is_heeded(method, seconds):
    error = status_error(429, method, Intent.WRITE, "erp", seconds)

    assert isinstance(error, BackendThrottled)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    "message", ["call +86 138 0013 1001 first", "call 13800131001 first", "mail a.b@example.com x"]
)
def test_a_message_names_no_phone_and_no_mail_address(message):
    with pytest.raises(BackendRefused) as raised:
        result({"error": ["UserError", [message, "", None]]}, "m", Intent.READ, "erp")

    assert "…" in raised.value.message
    assert "138" not in raised.value.message
    assert "example" not in raised.value.message


@pytest.mark.parametrize("answer", [None, [], {}, {"id": 1}])
def test_what_is_neither_result_nor_error_is_no_answer(answer):
    with pytest.raises(ValueError, match="no answer"):
        result(answer, "m", Intent.READ, "erp")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ([{"id": 1, "sale.": {"id": 2, "number": "S"}, "lines.": [{"id": 3, "sku": "A"}]}], None),
        ([{"id": 1, "sale.": None, "lines.": []}], None),
        ([], None),
        ({}, "it is no list of rows"),
        (["one"], "a row lacks id"),
        ([{"id": 1, "sale.": {"id": 2}, "lines.": []}], "a row lacks sale.number"),
        ([{"id": 1, "sale.": "sale.sale,2", "lines.": []}], "a row lacks sale.number"),
        ([{"id": 1, "sale.": None, "lines.": [{"id": 3}]}], "a row lacks lines.sku"),
        ([{"id": 1, "sale.": None}], "a row lacks lines.sku"),
    ],
)
def test_rows_that_lack_what_was_asked_for_are_no_answer(answer, told):
    """G4: a field that is gone there is their fault, and said so."""
    assert misfit(answer, ("sale.number", "lines.sku")) == told
