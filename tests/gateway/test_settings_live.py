"""When backends may be asked live, as the file of settings says it (G2)."""

from pathlib import Path

from gateway.settings import Settings, load
from resolvers.terms import LiveField, LiveTerms

TEXT = """
[live]
after_seconds = 5
deadline_ms = 250
fields = ["stock"]
[[backends]]
code = "erp"
vendor = "sandbox-erp"
live_after_seconds = 30
[[backends]]
code = "marketplace-a"
vendor = "sandbox-marketplace"
live_after_seconds = 0
"""


def test_nothing_is_asked_unless_somebody_says_so() -> None:
    terms = Settings().terms().live

    assert not any(terms.asks(field) for field in LiveField)
    assert terms.after("erp", LiveField.STOCK) == 0


def test_a_backend_s_own_age_goes_before_the_one_for_all(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(TEXT, encoding="utf-8")

    terms = load(file, {}).terms().live

    own = {"erp": 30.0, "marketplace-a": 0.0}
    assert terms == LiveTerms(5.0, 0.25, frozenset({LiveField.STOCK}), own)
    ages = [terms.after(code, LiveField.STOCK) for code in ("erp", "marketplace-a", "other")]
    assert ages == [30.0, 0.0, 5.0]
    assert terms.after("erp", LiveField.PRICE) == 0
    assert (terms.asks(LiveField.STOCK), terms.asks(LiveField.PRICE)) == (True, False)
