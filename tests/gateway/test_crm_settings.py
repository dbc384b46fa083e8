"""A CRM in the file of settings: what it needs, and what is said of an option that is none."""

from pathlib import Path

import pytest

from gateway.bootstrap import connect
from gateway.settings import SettingsError, load
from resolvers.backend_ports import Role

CRM = """
[[backends]]
code = "crm"
vendor = "bottlecrm"
url = "http://127.0.0.1:8001"
"""


def written(folder: Path, more: str = "") -> Path:
    file = folder / "shop.toml"
    file.write_text(CRM + more, encoding="utf-8")
    return file


async def test_a_crm_is_the_source_of_members_and_is_read_whole(tmp_path):
    file = written(tmp_path, 'password_env = "CRM_TOKEN"\npoll_seconds = 5.0\n')
    settings = load(file, {"CRM_TOKEN": "bcrm_pat_secret"})

    backend = connect(settings, settings.backends[0], tmp_path)

    assert backend.capabilities.roles == (Role.MEMBER_SOURCE,)
    assert backend.capabilities.scanned == ("members",)
    assert (backend.poll_seconds, backend.timeout_seconds) == (5.0, 10.0)
    assert "secret" not in repr(backend)


def test_a_crm_without_a_token_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="password_env or password_file, which bottlecrm needs"):
        load(written(tmp_path), {})


def test_an_option_that_is_none_is_named(tmp_path):
    more = 'password_env = "CRM_TOKEN"\noptions = { points = "points" }\n'
    settings = load(written(tmp_path, more), {"CRM_TOKEN": "bcrm_pat_secret"})

    with pytest.raises(SettingsError, match=r"backends\.crm\.options\.points: expected one of"):
        connect(settings, settings.backends[0], tmp_path)
