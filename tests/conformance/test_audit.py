"""The audit of graphql-http against the gateway as it is served, at every level."""

from collections import Counter
from pathlib import Path

import pytest

from tests.conformance.audited import REPORT, audited, page


@pytest.mark.live
@pytest.mark.timeout(400)
def test_every_audit_of_graphql_over_http_is_passed(tmp_path: Path) -> None:
    results = audited(tmp_path)

    assert [result for result in results if result.status != "ok"] == []
    assert Counter(result.level for result in results) == {"MUST": 13, "SHOULD": 23, "MAY": 25}
    assert page(results) == REPORT.read_text(encoding="utf-8")
