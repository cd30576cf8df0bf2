"""Settings: where they come from, what a wrong one is answered with, and what never prints."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from auction.domain.payment_reference import BankAccount
from auction.payments.registry import PROVIDERS
from auction.settings import PREFIX, Settings, SettingsError, describe, load_settings

SECRET = "correct-horse-battery-staple-0123456789"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    """No variable and no `.env` of the machine takes part."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def wrong(monkeypatch, name, value):
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value)


def test_without_any_setting_the_embedded_servers_are_meant(tmp_path):
    settings = load_settings()
    assert settings.redis_url is None
    assert settings.database_url is None
    assert settings.data_dir == tmp_path / "var"
    assert settings.ledger_shards == 16
    assert (settings.currency, settings.locale) == ("CNY", "zh-CN")


def test_arguments_win_over_the_environment_and_that_over_the_file(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("AUCTION_WORKERS=2\nAUCTION_GATEWAYS=3\nAUCTION_LEDGER_SHARDS=4\nOTHER=thing\n")
    monkeypatch.setenv("AUCTION_GATEWAYS", "5")
    monkeypatch.setenv("AUCTION_LEDGER_SHARDS", "6")
    settings = load_settings(ledger_shards=7)
    assert (settings.workers, settings.gateways, settings.ledger_shards) == (2, 5, 7)


def test_the_memory_of_the_embedded_ledger_is_its_servers_limit(monkeypatch):
    assert load_settings().embedded_ledger_settings == {}
    monkeypatch.setenv("AUCTION_LEDGER_MEMORY_MB", "2048")
    assert load_settings().embedded_ledger_settings == {"maxmemory": "2048mb"}


def test_an_empty_variable_is_an_unset_one(monkeypatch):
    monkeypatch.setenv("AUCTION_REDIS_URL", "")
    monkeypatch.setenv("AUCTION_WORKERS", "")
    assert load_settings().redis_url is None
    assert load_settings().workers == 1


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        setattr(load_settings(), "workers", 5)  # noqa: B010 - mypy knows better than to assign


@pytest.mark.parametrize(
    "name, value, sentence",
    [
        ("LEDGER_SHARDS", "0", "AUCTION_LEDGER_SHARDS must be a whole number from 1 to 100, got '0'"),
        ("LEDGER_SHARDS", "101", "AUCTION_LEDGER_SHARDS must be a whole number from 1 to 100, got '101'"),
        ("LEDGER_SHARDS", "1.5", "AUCTION_LEDGER_SHARDS must be a whole number from 1 to 100, got '1.5'"),
        ("WORKERS", "many", "AUCTION_WORKERS must be a whole number from 1 to 256, got 'many'"),
        ("GATEWAYS", "0", "AUCTION_GATEWAYS must be a whole number from 1 to 256, got '0'"),
        ("HTTP_PORT", "65536", "AUCTION_HTTP_PORT must be a port number from 1 to 65535, got '65536'"),
        ("LIVE_PORT", "http", "AUCTION_LIVE_PORT must be a port number from 1 to 65535, got 'http'"),
        ("HTTP_PORT", "8001", "AUCTION_LIVE_PORT must differ from AUCTION_HTTP_PORT, got 8001 for both"),
        ("LOG_LEVEL", "loud", "AUCTION_LOG_LEVEL must be one of debug, info, warning, error, got 'loud'"),
        ("LOG_FORMAT", "xml", "AUCTION_LOG_FORMAT must be console or json, got 'xml'"),
        (
            "CURRENCY",
            "yuan",
            "AUCTION_CURRENCY must be one of CNY, JPY, got 'yuan'",
        ),
        ("LOCALE", "Chinese, please", "AUCTION_LOCALE must be a language tag such as zh-CN, got 'Chinese, please'"),
        ("LIVE_URL", "http://x", "AUCTION_LIVE_URL must be an address such as wss://live.example.com/, got 'http://x'"),
        (
            "DELIVERY_CENTRES",
            "Beijing,,Wuhan",
            "AUCTION_DELIVERY_CENTRES must be names with commas between them, got 'Beijing,,Wuhan'",
        ),
        ("DELIVERY_CENTRES", "A, A", "AUCTION_DELIVERY_CENTRES must be names with commas between them, got 'A, A'"),
        (
            "DELIVERY_CENTRES",
            "A\u200b",
            "AUCTION_DELIVERY_CENTRES must be names with commas between them, got 'A\\u200b'",
        ),
        ("SECRET_KEY", "short", "AUCTION_SECRET_KEY must be a secret of at least 32 characters, got 5 characters"),
    ],
)
def test_a_wrong_value_is_answered_with_a_sentence_that_names_the_variable(monkeypatch, name, value, sentence):
    assert wrong(monkeypatch, name, value) == sentence


def test_delivery_centres_are_named_as_bidders_name_them():
    # in form C, as texts in requests are
    assert load_settings(delivery_centres="Orle\u0301ans, 北京").delivery_centres == "Orl\xe9ans,北京"


def test_every_wrong_value_is_named_at_once(monkeypatch):
    monkeypatch.setenv("AUCTION_WORKERS", "0")
    said = wrong(monkeypatch, "LEDGER_TIMEOUT_MS", "soon")
    assert [line.split()[0] for line in said.splitlines()] == ["AUCTION_LEDGER_TIMEOUT_MS", "AUCTION_WORKERS"]


@pytest.mark.parametrize("url", ["redis://h", "redis://u:p@h:6379/2", "rediss://h:1", "unix:///run/x.sock?db=0"])
def test_usual_addresses_of_a_ledger_are_taken_as_they_are(url):
    assert load_settings(redis_url=url).redis_url == url


@pytest.mark.parametrize("url", ["h:6379", "http://h", "redis://", "redis://h:port", "redis://h:0", "unix://", "redis"])
def test_other_addresses_of_a_ledger_are_refused(monkeypatch, url):
    assert wrong(monkeypatch, "REDIS_URL", url).startswith("AUCTION_REDIS_URL must be an address such as redis://")


@pytest.mark.parametrize(
    "url, taken",
    [
        ("postgres://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql://h:5433/d?ssl=require", "postgresql+asyncpg://h:5433/d?ssl=require"),
        ("postgresql+asyncpg://auction@/auction?host=/run/x", "postgresql+asyncpg://auction@/auction?host=/run/x"),
    ],
)
def test_usual_addresses_of_the_books_are_taken_for_asyncpg(url, taken):
    assert load_settings(database_url=url).database_url == taken


@pytest.mark.parametrize(
    "url", ["mysql://h/d", "postgresql://h", "postgresql:///d", "postgresql+psycopg://h/d", "sqlite:///x", "h/d"]
)
def test_other_addresses_of_the_books_are_refused(monkeypatch, url):
    said = wrong(monkeypatch, "DATABASE_URL", url)
    assert said.startswith("AUCTION_DATABASE_URL must be an address such as postgresql://")


def test_a_secret_is_asked_for_where_it_is_needed():
    with pytest.raises(SettingsError, match="AUCTION_SECRET_KEY must be set to a secret of at least 32 characters"):
        _ = load_settings().secret
    assert load_settings(secret_key=SECRET).secret == SECRET


def test_a_payment_provider_is_named_and_one_of_those_there_are(monkeypatch):
    known = ", ".join(PROVIDERS)
    assert load_settings().payment_provider is None
    with pytest.raises(SettingsError, match=f"AUCTION_PAYMENT_PROVIDER must be set to one of {known}"):
        _ = load_settings().provider
    assert load_settings(payment_provider="sandbox").provider == "sandbox"
    said = wrong(monkeypatch, "PAYMENT_PROVIDER", "paypal")
    assert said == f"AUCTION_PAYMENT_PROVIDER must be one of {known}, got 'paypal'"


@pytest.mark.parametrize("name", ["stripe_key", "stripe_webhook_secret", "stripe_publishable_key"])
def test_a_payment_provider_without_its_settings_is_refused(name):
    given = {
        "payment_provider": "stripe",
        "stripe_key": "sk_1",
        "stripe_webhook_secret": "whsec_1",
        "stripe_publishable_key": "pk_1",
    }
    assert load_settings(**given).provider == "stripe"
    with pytest.raises(SettingsError) as caught:
        load_settings(**given | {name: None})
    assert str(caught.value) == f"AUCTION_{name.upper()} must be set where AUCTION_PAYMENT_PROVIDER is stripe"


@pytest.mark.parametrize("print_it", [repr, str, lambda settings: settings.model_dump_json()])
def test_secrets_never_print(print_it):
    settings = load_settings(
        secret_key=SECRET, redis_url="redis://:hunter2@h", database_url="postgresql://u:hunter2@h/d"
    )
    printed = print_it(settings)
    assert SECRET not in printed
    assert "hunter2" not in printed


@pytest.mark.parametrize(
    "name, value", [("REDIS_URL", "https://:hunter2@h"), ("DATABASE_URL", "x://u:hunter2@h"), ("SECRET_KEY", "hunter2")]
)
def test_secrets_do_not_print_when_they_are_wrong(monkeypatch, name, value):
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    error: BaseException | None = caught.value
    while error:
        assert "hunter2" not in str(error)
        error = error.__cause__ or error.__context__


def test_a_long_wrong_value_is_shown_in_part(monkeypatch):
    assert len(wrong(monkeypatch, "CURRENCY", "Y" * 10_000)) < 250


def test_an_env_file_that_is_not_text_is_named(tmp_path):
    (tmp_path / ".env").write_bytes(b"AUCTION_LOCALE=\xff\xfe")
    with pytest.raises(SettingsError, match=r"the file \.env must be readable UTF-8 text"):
        load_settings()


def test_a_home_directory_is_understood(monkeypatch):
    monkeypatch.setenv("HOME", "/house")
    assert load_settings(data_dir="~/var").data_dir == Path("/house/var")


def test_a_bank_account_is_given_whole_or_not_at_all():
    parts = {
        "bank_account_holder": "易拍",
        "bank_account_number": "4000 0212 1900",
        "bank_account_bank": "工商银行上海支行",
    }
    assert load_settings().bank_account is None
    assert load_settings(**parts).bank_account == BankAccount(*parts.values())
    for missing in parts:
        given = {name: value for name, value in parts.items() if name != missing}
        with pytest.raises(SettingsError, match=f"AUCTION_{missing.upper()} must be set"):
            load_settings(**given)


def test_every_setting_says_what_it_must_be():
    assert [name for name in Settings.model_fields if describe(name) == "of another form"] == []


def test_secrets_are_kept_as_secrets():
    assert isinstance(load_settings(secret_key=SECRET).secret_key, SecretStr)
