"""The secrets of webhooks in the settings (S2, G6)."""

from pathlib import Path

import pytest

from gateway.bootstrap import endpoint_of
from gateway.settings import BackendSettings, SettingsError, load

ERP = '[[backends]]\ncode = "main-erp"\nvendor = "sandbox-erp"\n'


def test_both_live_secrets_of_webhooks_are_read_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("hush before\n")
    text = (
        ERP + 'webhook_secret_env = "GATEWAY_HOOKS"\nwebhook_secret_old_file = "old"\n'
        'webhook_url = "https://shop.example/webhooks/main-erp"\n'
    )
    config = tmp_path / "shop.toml"
    config.write_text(text)

    settings = load(config, {"GATEWAY_HOOKS": "hush now"})

    [backend] = settings.backends
    assert [secret.reveal() for secret in backend.webhook_secrets] == ["hush now", "hush before"]
    assert "hush" not in repr(settings)
    endpoint = endpoint_of(backend)
    assert endpoint is not None
    assert endpoint.secrets == (b"hush now", b"hush before")
    assert endpoint.url == "https://shop.example/webhooks/main-erp"
    assert endpoint_of(BackendSettings("erp", "sandbox-erp")) is None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            'webhook_secret = "hush"',
            "shop.toml:4: backends.main-erp.webhook_secret: expected webhook_secret_env = "
            '"NAME" or webhook_secret_file = "path", found a secret in plain text',
        ),
        (
            'webhook_secret_old_env = "HOOKS"',
            "shop.toml:1: backends.main-erp.webhook_secret_env: expected webhook_secret_env or "
            "webhook_secret_file, which goes with the one before it, found nothing",
        ),
        (
            'webhook_secret_file = "absent"',
            "shop.toml:4: backends.main-erp.webhook_secret_file: expected a file that holds a "
            'secret, found "absent": no such file or directory',
        ),
    ],
)
def test_a_secret_of_webhooks_that_is_not_to_be_had_is_told(
    tmp_path: Path, line: str, told: str
) -> None:
    config = tmp_path / "shop.toml"
    config.write_text(f"{ERP}{line}\n")

    with pytest.raises(SettingsError) as refused:
        load(config, {"HOOKS": "hush"})

    assert told in [str(problem).replace(f"{tmp_path}/", "") for problem in refused.value.problems]
