"""The command line: what it prints where, and its exit codes."""

import json
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway import doctor
from gateway.__main__ import app
from gateway.schema_text import federated_sdl, sdl
from gateway.settings import BackendSettings, Settings
from gateway.tokens import SigningKey, Tokens
from resolvers.access import Principal, Role
from resolvers.backend_ports import Backend, Capabilities, Idempotency, Probe
from resolvers.domain.errors import BackendUnavailable

RUN = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})


def test_a_token_is_all_that_stands_on_stdout(tmp_path: Path) -> None:
    options = ["--role", "partner", "--channel", "live-stream", "--data", str(tmp_path)]

    answer = RUN.invoke(app, ["token", *options])

    assert (answer.exit_code, answer.stderr) == (0, "")
    assert answer.stdout.count("\n") == 1
    tokens = Tokens(SigningKey.of(tmp_path), "unified-commerce-gateway", lambda: datetime.now(UTC))
    caller = Principal(Role.PARTNER, "partner:live-stream", channels=("live-stream",))
    assert tokens.verify(answer.stdout.strip()) == caller


@pytest.mark.parametrize(
    "words",
    [
        ["token"],
        ["token", "--role", "king"],
        ["token", "--role", "shopper", "--ttl", "0"],
        ["token", "--role", "shopper", "--member", ""],
        ["token", "--role", "shopper", "--config", "absent.toml"],
        ["demo", "--port", "65536"],
        ["serve", "--config", "absent.toml"],
        ["doctor", "--config", "absent.toml"],
        ["sync", "erp", "--config", "absent.toml"],
        ["nonsense"],
    ],
)
def test_wrong_usage_or_configuration_ends_with_2(words: list[str], tmp_path: Path) -> None:
    data = ["--data", str(tmp_path / "data")] if words[0] != "nonsense" else []

    answer = RUN.invoke(app, [*words, *data])

    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr != ""
    assert not (tmp_path / "data").exists()


def test_a_mistake_in_the_settings_is_told_on_stderr(tmp_path: Path) -> None:
    config = tmp_path / "shop.toml"
    config.write_text("[server]\nport = 0.5\n")

    answer = RUN.invoke(app, ["serve", "--config", str(config), "--data", str(tmp_path)])

    assert answer.exit_code == 2
    assert answer.stderr == (
        f"gateway: {config}:2: server.port: expected a whole number from 0 to 65535, found 0.5\n"
    )


def test_a_demo_tells_of_a_variable_that_cannot_be_used(tmp_path: Path) -> None:
    env = {"GATEWAY_SERVER_WORKERS": "0"}

    answer = RUN.invoke(app, ["demo", "--data", str(tmp_path / "data")], env=env)

    assert answer.exit_code == 2
    assert answer.stderr == (
        "gateway: environment GATEWAY_SERVER_WORKERS: server.workers: "
        "expected a whole number from 1 to 64, found 0\n"
    )
    assert not (tmp_path / "data").exists()


def test_a_backend_that_is_not_configured_is_wrong_usage(tmp_path: Path) -> None:
    config = tmp_path / "shop.toml"
    config.write_text("")

    answer = RUN.invoke(app, ["sync", "erp", "--config", str(config), "--data", str(tmp_path)])

    assert answer.exit_code == 2
    assert "there is no backend 'erp' (none is configured)" in answer.stderr


def test_a_data_directory_that_cannot_be_one_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    data = tmp_path / "file" / "data"

    answer = RUN.invoke(app, ["token", "--role", "shopper", "--data", str(data)])

    assert (answer.exit_code, answer.stdout) == (1, "")
    assert answer.stderr == (
        f"gateway: the data directory {data} cannot be written: not a directory; "
        "name another with --data, or mend it\n"
    )


def test_a_data_directory_without_room_ends_with_1(tmp_path: Path) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    answer = subprocess.run(
        [sys.executable, "-B", "-m", "gateway", "token", "--role", "guest", "--data", tmp_path],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
        preexec_fn=little_room,  # one thread, and it only lowers a limit
    )

    assert (answer.returncode, answer.stdout) == (1, "")
    assert "cannot be written: file too large" in answer.stderr
    assert list(tmp_path.iterdir()) == []


class WrongPassword:
    """A backend that is there and lets nobody in."""

    async def probe(self) -> Probe:
        return Probe(False, "login was refused", "set the password again")


def test_the_doctor_says_of_each_backend_what_is_wrong_and_what_to_do(tmp_path: Path) -> None:
    def connect(_: Settings, configured: BackendSettings, __: Path) -> Backend:
        if configured.code == "till":
            raise BackendUnavailable("connection refused", backend="till")
        return Backend("erp", "any", Capabilities((), Idempotency.NONE), WrongPassword())

    configured = (BackendSettings("erp", "sandbox-erp"), BackendSettings("till", "sandbox-pos"))
    findings = doctor.examine(Settings(backends=configured), tmp_path, connect)

    assert findings == [
        doctor.Finding("erp", "answers", False, "login was refused", "set the password again"),
        doctor.Finding(
            "till",
            "answers",
            False,
            "connection refused",
            "compare the settings of backends.till with the system itself",
        ),
    ]
    assert doctor.table(findings).row_count == 2


def test_the_schema_is_printed_for_people_or_for_composers() -> None:
    plain, federated = RUN.invoke(app, ["schema"]), RUN.invoke(app, ["schema", "--federation"])

    assert (plain.exit_code, plain.stdout) == (0, sdl())
    assert (federated.exit_code, federated.stdout) == (0, federated_sdl())


@pytest.mark.parametrize("command", ["demo", "serve", "schema", "token", "sync", "doctor"])
def test_every_command_shows_an_example(command: str) -> None:
    answer = RUN.invoke(app, [command, "--help"])

    assert answer.exit_code == 0
    assert f"Example: gateway {command}" in answer.stdout


def test_a_manifest_is_held_against_the_schema(tmp_path: Path) -> None:
    sound, faulty = tmp_path / "sound.json", tmp_path / "faulty.json"
    sound.write_text('{"a": "{ channels { code } }"}')
    faulty.write_text(
        '{"format": "apollo-persisted-query-manifest", "version": 1, "operations": ['
        '{"id": "a", "name": "A", "type": "query", "body": "query A { channels { code } }"},'
        '{"id": "b", "name": "B", "type": "query", "body": "query B { channels { cod } }"}]}'
    )
    told = "1:22: Cannot query field 'cod' on type 'Channel'."

    good = RUN.invoke(app, ["documents", "check", str(sound)])
    bad = RUN.invoke(app, ["documents", "check", str(faulty)])
    bad_json = RUN.invoke(app, ["documents", "check", str(faulty), "--json"])
    absent = RUN.invoke(app, ["documents", "check", str(tmp_path / "absent.json")])

    assert (good.exit_code, good.stdout) == (0, "1 documents: all of them can run\n")
    assert (bad.exit_code, bad.stdout) == (1, f"b (B): {told}\n2 documents: 1 cannot run\n")
    assert bad_json.exit_code == 1
    assert json.loads(bad_json.stdout) == {
        "documents": 2,
        "faulty": [{"id": "b", "name": "B", "problems": [told]}],
    }
    assert absent.exit_code == 2
    assert absent.stderr == f"gateway: {tmp_path}/absent.json: no such file or directory\n"
