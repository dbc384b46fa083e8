"""Settings: what a file and its environment mean, and what each mistake is answered with."""

from pathlib import Path

import pytest

from gateway.serve_commands import demo_settings
from gateway.settings import Limits, Retailer, Server, Settings, SettingsError, Sockets, load
from gateway.settings_file import documented
from gateway.settings_page import page
from gateway.settings_sections import SECTIONS
from resolvers.domain.locations import Capability, Channel, ChannelKind, Location, LocationKind

ERP = '[[backends]]\ncode = "main-erp"\nvendor = "sandbox-erp"\n'
REMOTE = (
    '[[backends]]\ncode = "erp"\nvendor = "tryton"\nurl = "http://localhost:8000"\n'
    'database = "retail"\nuser = "gateway"\n'
)
TOGETHER = ("ttl_default_seconds", "ttl_max_seconds", "life_max_seconds")
"""Settings that bound each other."""

CHANNEL = '[[channels]]\ncode = "store"\nname = "Shops"\nkind = "IN_STORE"\n'


def read(folder: Path, text: str, **environ: str) -> Settings:
    path = folder / "shop.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, environ)


def problems(folder: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        read(folder, text, **environ)
    return [str(problem).replace(f"{folder}/", "") for problem in refused.value.problems]


def test_without_a_file_everything_has_its_default() -> None:
    assert load(None, {}) == Settings()


def test_the_page_of_settings_is_the_one_that_the_code_makes() -> None:
    committed = Path(__file__).parents[2] / "docs" / "settings.md"

    assert committed.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_what_a_section_says_is_read(tmp_path: Path, name: str) -> None:
    """Each of its numbers, at the lowest that it may be."""
    ranged = [item for item in documented(SECTIONS[name]) if item.metadata["low"] is not None]
    low = {item.name: item.metadata["low"] for item in ranged if item.name not in TOGETHER}
    lines = "".join(f"{key} = {value}\n" for key, value in low.items())

    section = getattr(read(tmp_path, f"[{name}]\n{lines}"), name)

    assert {key: getattr(section, key) for key in low} == low


def test_the_environment_lies_over_the_file(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        "[server]\nport = 9000\n" + CHANNEL + ERP,
        GATEWAY_SERVER_PORT="9001",
        GATEWAY_SYNC_POLL_SECONDS="0.5",
        GATEWAY_RESERVATIONS_TTL_MAX_SECONDS="7200",
        GATEWAY_CHANNELS_STORE_LOCATIONS="ST-01, ST-02",
        GATEWAY_CHANNELS_STORE_CONFIRM_UNPAID="true",
        GATEWAY_BACKENDS_MAIN_ERP_POLL_SECONDS="30",
        GATEWAY_TEST_MONGO_URL="is no setting",
    )

    assert settings.server.port == 9001
    assert settings.sync.poll_seconds == 0.5
    assert settings.terms().ttl_max_seconds == 7200
    assert settings.poll_seconds(settings.backends[0]) == 30.0
    assert settings.sales_channels() == (
        Channel(
            "store", "Shops", ChannelKind.IN_STORE, "CNY", ("ST-01", "ST-02"), confirm_unpaid=True
        ),
    )


def test_a_demo_heeds_what_the_environment_says_of_its_process_and_of_no_retailer() -> None:
    settings = demo_settings(
        {
            "GATEWAY_SERVER_PORT": "9001",
            "GATEWAY_LIMITS_COST_PER_SECOND": "0",
            "GATEWAY_STORE_ENGINE": "mongodb",
            "GATEWAY_BACKENDS_MAIN_ERP_URL": "https://erp.example",
        }
    )

    assert settings == Settings(
        server=Server(port=9001, mutations_per_second=100_000, drain_seconds=0),
        retailer=Retailer(name="the sandbox retailer"),
        limits=Limits(wait_seconds=0, cost_per_second=0),
    )


def test_a_demo_tells_of_a_mistake_in_what_it_heeds() -> None:
    with pytest.raises(SettingsError, match="environment GATEWAY_LIMITS_COST_MAX: limits"):
        demo_settings({"GATEWAY_LIMITS_COST_MAX": "much"})


def test_whom_to_believe_is_said_by_codes_of_backends(tmp_path: Path) -> None:
    text = '[catalog]\ntitle = ["main-erp"]\n[catalog.aliases]\nOLD-1 = "BT-0001"\n' + ERP

    terms = read(tmp_path, text).terms()

    assert terms.catalog.preferred == {"title": ("main-erp",)}
    assert terms.catalog.aliases == {"OLD-1": "BT-0001"}
    assert problems(tmp_path, '[catalog]\nprices = ["main-erp", "shop"]\n' + ERP) == [
        'shop.toml:2: catalog.prices: expected codes of [[backends]] (main-erp), found ["shop"]'
    ]


def test_an_overlay_adds_only_what_it_says(tmp_path: Path) -> None:
    text = '[[locations]]\ncode = "ST-01"\nregion = "East"\ncapabilities = ["PICKUP"]\n'
    bare = Location("ST-01", "Bund", LocationKind.STORE, phone="021")

    laid = read(tmp_path, text).locations[0].over(bare)

    assert (laid.region, laid.capabilities, laid.phone) == ("East", (Capability.PICKUP,), "021")


def test_pages_that_may_connect_are_named_one_by_one(tmp_path: Path) -> None:
    text = '[sockets]\norigins = ["weapp://*", "https://partner.example"]\nidle_seconds = 60\n'

    sockets = read(tmp_path, text).sockets

    assert sockets == Sockets(("weapp://*", "https://partner.example"), idle_seconds=60.0)
    with pytest.raises(SettingsError, match=r"sockets.origins: expected a list, each an origin"):
        read(tmp_path, '[sockets]\norigins = ["https://*"]\n')


def test_secrets_are_read_at_start_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("hush-file\n")

    by_file = read(tmp_path, REMOTE + 'password_file = "word"\n')
    by_variable = read(
        tmp_path,
        REMOTE + 'password_env = "GATEWAY_BACKENDS_ERP_PASSWORD"\n',
        GATEWAY_BACKENDS_ERP_PASSWORD="hush-variable",
    )

    found = (by_file.backends[0].password, by_variable.backends[0].password)
    assert [secret.reveal() for secret in found if secret] == ["hush-file", "hush-variable"]
    assert "hush" not in f"{by_file} {by_variable!r}"


def test_a_store_in_mongodb_has_an_address_and_its_password_from_elsewhere(tmp_path: Path) -> None:
    text = (
        '[store]\nengine = "mongo"\nurl = "mongodb://db-1,db-2/?replicaSet=rs0"\n'
        'user = "gateway"\npassword_env = "WORD"\n'
    )

    store = read(tmp_path, text, WORD="hush").store

    assert (store.url, store.database) == ("mongodb://db-1,db-2/?replicaSet=rs0", "gateway")
    assert store.password is not None
    assert store.password.reveal() == "hush"
    assert "hush" not in repr(store)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[store]\nengine = "mongo"\n',
            "shop.toml:1: store.url: expected the address of MongoDB, which mongo needs, found "
            "nothing",
        ),
        (
            '[store]\nurl = "mongodb://db"\n',
            'shop.toml:2: store.url: expected only with engine = "mongo", found one',
        ),
        (
            '[store]\nengine = "mongo"\nurl = "mongodb://me:hush@db"\n',
            "shop.toml:3: store.url: expected a mongodb or mongodb+srv address without a user or "
            'password in it, found "mongodb://***@db"',
        ),
        (
            '[store]\nengine = "mongo"\n'
            'url = "mongodb://db/?tls=true&tlsCertificateKeyFilePassword=hush"\n',
            "shop.toml:3: store.url: expected a mongodb or mongodb+srv address without a user or "
            'password in it, found "mongodb://db/?tls=true&tlsCertificateKeyFilePassword=***"',
        ),
        (
            '[store]\nengine = "mongo"\nurl = "mongodb://db"\nuser = "me"\n',
            "shop.toml:1: store.user: expected user and password_env (or password_file) together, "
            "found one of them",
        ),
        (
            '[server]\nhost = "::"\nport = "80"\n',
            'shop.toml:3: server.port: expected a whole number from 0 to 65535, found "80"',
        ),
        (
            "[server]\nport = true\n",
            "shop.toml:2: server.port: expected a whole number from 0 to 65535, found true",
        ),
        (
            "server.port = 65536\n",
            "shop.toml:1: server.port: expected a whole number from 0 to 65535, found 65536",
        ),
        (
            "[sync]\npoll_seconds = nan\n",
            "shop.toml:2: sync.poll_seconds: expected a number from 0.1 to 86400, found nan",
        ),
        (
            '[store]\nengine = "paper"\n',
            'shop.toml:2: store.engine: expected one of sqlite, mongo, memory, found "paper"',
        ),
        (
            '[retailer]\nname = " "\n',
            'shop.toml:2: retailer.name: expected text that is not empty, found " "',
        ),
        (
            '[retailer]\ntime_zone = "../x"\n',
            "shop.toml:2: retailer.time_zone: expected the name of a time zone, such as "
            'Asia/Shanghai, found "../x"',
        ),
        (
            '[retailer]\nphone_region = "86"\n',
            "shop.toml:2: retailer.phone_region: expected a country or region of two capital "
            'letters, such as CN, found "86"',
        ),
        (
            '[retailer]\ncurrency = "yuan"\n',
            "shop.toml:2: retailer.currency: expected a currency code of three capital letters, "
            'found "yuan"',
        ),
        (
            "[orders]\nprefix = 1\n",
            "shop.toml:2: orders.prefix: expected one of payment_due_seconds, number_prefix, "
            "found an unknown key",
        ),
        (
            "\n[orderz]\n",
            "shop.toml:2: orderz: expected one of [server], [sockets], [store], [auth], [limits], "
            "[documents], [cache], [retailer], [reservations], [orders], [sync], [live], "
            "[inbox], [publication], [outbox], [signals], [telemetry], [catalog], [[channels]], "
            "[[locations]], [[backends]], [[presets]], [[stock_rules]], [[low_stock]], "
            "[[issuers]], [[wechat_apps]], "
            "found an unknown section",
        ),
        ("sync = 2\n", "shop.toml:1: sync: expected a section [sync], found 2"),
        (
            '[channels]\ncode = "x"\n',
            "shop.toml:1: channels: expected sections [[channels]], found a table",
        ),
        (
            CHANNEL + CHANNEL,
            "shop.toml:6: channels.store.code: expected a code that no other of [[channels]] has, "
            'found "store"',
        ),
        (
            CHANNEL + 'locations = ["a", 2]\n',
            'shop.toml:5: channels.store.locations: expected a list of text, found ["a", 2]',
        ),
        (
            '[[channels]]\nname = "Shops"\nkind = "IN_STORE"\n',
            "shop.toml:1: channels[0].code: expected a code of 1 to 40 letters, digits, - and _, "
            "found nothing",
        ),
        (
            CHANNEL.replace("IN_STORE", "SHOP"),
            "shop.toml:4: channels.store.kind: expected one of ONLINE, IN_STORE, MARKETPLACE, "
            'LIVE_STREAM, GROUP_BUY, INSTANT_RETAIL, found "SHOP"',
        ),
        (
            '[[locations]]\ncode = "ST-01"\nlatitude = 31.2\n',
            "shop.toml:1: locations.ST-01.longitude: expected latitude and longitude together, "
            "found nothing",
        ),
        (
            "[reservations]\nttl_default_seconds = 4000\n",
            "shop.toml:2: reservations.ttl_default_seconds: expected at most "
            "reservations.ttl_max_seconds, which is 3600, found 4000",
        ),
        (
            REMOTE + 'password = "hush"\n',
            'shop.toml:7: backends.erp.password: expected password_env = "NAME" or '
            'password_file = "path", found a secret in plain text',
        ),
        (
            REMOTE + 'password_env = "NO_SUCH_WORD"\n',
            "shop.toml:7: backends.erp.password_env: expected the name of a variable that is set, "
            'found "NO_SUCH_WORD", which is not',
        ),
        (
            REMOTE + 'password_file = "absent"\n',
            "shop.toml:7: backends.erp.password_file: expected a file that holds a password, "
            'found "absent": no such file or directory',
        ),
        (
            REMOTE,
            "shop.toml:1: backends.erp.password_env: expected password_env or password_file, "
            "which tryton needs, found nothing",
        ),
        (
            ERP + 'url = "http://me:hush@localhost"\n',
            "shop.toml:4: backends.main-erp.url: expected an http or https address without a user "
            'or password in it, found "http://***@localhost"',
        ),
        (
            ERP + "[backends.options]\napi_key = 'hush'\n",
            "shop.toml:5: backends.main-erp.options.api_key: expected no secret among options, "
            "found a secret in plain text",
        ),
        (
            ERP + "[backends.options]\npages = 3\n",
            "shop.toml:4: backends.main-erp.options: expected a table of text, found a table",
        ),
        (
            "[server]\nport = 0x" + "f" * 9000 + "\n",
            "shop.toml:2: server.port: expected a whole number from 0 to 65535, "
            "found a number of very many digits",
        ),
        (
            "[server]\nport = \n",
            "shop.toml:2: (file): expected a TOML file in UTF-8, found invalid value",
        ),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    found = problems(tmp_path, text)

    assert told in found
    assert "hush" not in "".join(found)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (
            "GATEWAY_SERVER_PORT",
            "http",
            "environment GATEWAY_SERVER_PORT: server.port: expected a whole number from 0 to "
            '65535, found "http"',
        ),
        (
            "GATEWAY_STORE_MOTOR",
            "x",
            "environment GATEWAY_STORE_MOTOR: store.motor: expected one of engine, url, database, "
            "user, password_env, password_file, history_days, audit_days, found an unknown key",
        ),
        (
            "GATEWAY_RESERVATIONS_TTL_MAX_SECONDS",
            "60",
            "shop.toml: reservations.ttl_default_seconds: expected at most "
            "reservations.ttl_max_seconds, which is 60, found 900",
        ),
        (
            "GATEWAY_BACKENDS_CRM_URL",
            "http://localhost",
            "environment: backends: expected GATEWAY_BACKENDS_<CODE>_<KEY> with the code of one "
            "entry (main-erp), found GATEWAY_BACKENDS_CRM_URL",
        ),
        (
            "GATEWAY_BACKENDS_MAIN_ERP_PASSWORD",
            "hush",
            "environment GATEWAY_BACKENDS_MAIN_ERP_PASSWORD: backends.main-erp.password: expected "
            'password_env = "NAME" or password_file = "path", found a secret in plain text',
        ),
    ],
)
def test_a_mistake_in_the_environment_names_its_variable(
    tmp_path: Path, name: str, value: str, told: str
) -> None:
    assert problems(tmp_path, ERP, **{name: value}) == [told]


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = "[server]\nport = -1\nhots = 1\n[orders]\nnumber_prefix = 7\n" + ERP + "user = 5\n"

    assert len(problems(tmp_path, text)) == 4


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_bytes(b"[server]\nhost = '\xff'\n")

    (tmp_path / "digits.toml").write_text("[server]\nport = " + "9" * 5000)
    for path, told in (
        ("absent.toml", "--config), found no such file or directory"),
        ("shop.toml", "(file): expected a TOML file in UTF-8, found other bytes"),
    ):
        with pytest.raises(SettingsError) as refused:
            load(tmp_path / path, {})
        assert str(refused.value).endswith(told)
        assert path in str(refused.value)

    with pytest.raises(SettingsError, match=r"digits\.toml: \(file\): expected a TOML file"):
        load(tmp_path / "digits.toml", {})
