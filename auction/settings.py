"""The configuration: one frozen object, read once at the start and passed to where it is used.

Sources, the first wins: arguments, environment variables `AUCTION_*`, the file `.env` in the working directory, the
defaults below. Each field's description completes the sentence "AUCTION_... must be ...", the error for a wrong value.
Secrets never print: not in errors, not in `repr`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from auction import setting_forms
from auction.domain.currency import CURRENCIES
from auction.domain.payment_reference import BankAccount
from auction.domain.text import NAME
from auction.payments.registry import PROVIDERS

PREFIX = "AUCTION_"
SECRET_LENGTH_MIN = 32
MAX_PORT = 65_535
_SHOWN_CHARACTERS_MAX = 80


class SettingsError(Exception):
    """A setting is missing or wrong; the text has a sentence for each, which names its variable."""


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < SECRET_LENGTH_MIN:
        raise ValueError
    return secret


Port = Annotated[int, Field(ge=1, le=65535, description="a port number from 1 to 65535")]


class Settings(BaseSettings):
    """Every setting, validated. Use `load_settings`, whose errors are sentences."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        # an empty variable counts as not set
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    # servers; without an address, the embedded ones of data_dir are used
    redis_url: Annotated[str, AfterValidator(setting_forms.ledger_address)] | None = Field(
        None,
        repr=False,
        exclude=True,
        description="an address such as redis://host:6379/0, rediss://... or unix:///path/to/socket",
    )
    database_url: Annotated[str, AfterValidator(setting_forms.books_address)] | None = Field(
        None, repr=False, exclude=True, description="an address such as postgresql://user:password@host/auction"
    )
    database_owner_url: Annotated[str, AfterValidator(setting_forms.books_address)] | None = Field(
        None,
        repr=False,
        exclude=True,
        description="an address such as postgresql://owner:password@host/auction, of the tables' owner",
    )
    data_dir: Annotated[Path, AfterValidator(setting_forms.absolute)] = Field(Path("var"), description="a directory")
    ledger_binary: str | None = Field(None, description="a redis-server or valkey-server, by path or by name on PATH")
    postgres_programs: Annotated[Path, AfterValidator(setting_forms.absolute)] | None = Field(
        None, description="a directory with pg_dump and pg_restore, of the database's version or newer"
    )

    # signing
    secret_key: Annotated[SecretStr, AfterValidator(_long_enough)] | None = Field(
        None, description=f"a secret of at least {SECRET_LENGTH_MIN} characters"
    )
    signing_keys: Annotated[Path, AfterValidator(setting_forms.absolute)] | None = Field(
        None, description="a directory of keys"
    )
    token_lifetime_s: int = Field(
        43_200, ge=60, le=31_536_000, description="a whole number of seconds from 60 to 31536000"
    )

    # the ledger
    ledger_shards: int = Field(16, ge=1, le=100, description="a whole number from 1 to 100")
    ledger_memory_mb: int | None = Field(
        None, ge=16, le=1_048_576, description="a whole number of MiB from 16 to 1048576, for the embedded ledger"
    )
    accept_unsafe_ledger: bool = Field(
        False, description="1 to serve on a ledger's server that could lose accepted bids, or 0"
    )
    ledger_timeout_ms: int = Field(
        2_000, ge=10, le=60_000, description="a whole number of milliseconds from 10 to 60000"
    )
    outage_pause_ms: Annotated[int, AfterValidator(setting_forms.above_heartbeats)] = Field(
        2_000,
        le=600_000,
        description="a whole number of milliseconds from 1000 to 600000, or 0 for no pause after an outage",
    )
    stream_keep_ms: int = Field(
        3_600_000,
        ge=1_000,
        le=2_592_000_000,
        description="a whole number of milliseconds from 1000 to 2592000000 (30 days)",
    )

    # what is served, by how many processes
    http_host: str = Field("127.0.0.1", description="a host name or an address to listen on")
    http_port: Port = 8000
    live_port: Port = 8001
    metrics_host: str = Field("127.0.0.1", description="a host name or an address to serve metrics on")
    metrics_port: Port | None = Field(None, description="a port number from 1 to 65535")
    live_url: Annotated[str, AfterValidator(setting_forms.live_address)] | None = Field(
        None, description="an address such as wss://live.example.com/"
    )
    live_origins: Annotated[str, AfterValidator(setting_forms.origins)] = Field(
        "", description="origins such as https://auction.example.com, with commas between them"
    )
    http_sockets_max: int = Field(10_000, ge=1, le=1_000_000, description="a whole number from 1 to 1000000")
    http_sockets_per_address: int = Field(
        1_000, ge=0, le=1_000_000, description="a whole number from 1 to 1000000, or 0 for no limit"
    )
    http_read_timeout_s: int = Field(10, ge=1, le=3_600, description="a whole number of seconds from 1 to 3600")
    requests_per_client_s: int = Field(
        20, ge=0, le=100_000, description="a whole number from 1 to 100000, or 0 for no limit"
    )
    sign_ins_per_client_minute: int = Field(
        20, ge=0, le=100_000, description="a whole number from 1 to 100000, or 0 for no limit"
    )
    live_sockets_max: int = Field(15_000, ge=1, le=1_000_000, description="a whole number from 1 to 1000000")
    live_sockets_per_address: int = Field(
        1_000, ge=0, le=1_000_000, description="a whole number from 1 to 1000000, or 0 for no limit"
    )
    trusted_proxies: Annotated[str, AfterValidator(setting_forms.networks)] = Field(
        "127.0.0.1,::1", description="addresses or networks such as 10.0.0.0/8, with commas between them"
    )
    two_persons: bool = Field(True, description="1 where acts that change who wins need two persons of staff, or 0")
    second_factor: bool = Field(True, description="1 where staff sign in and agree with a code, or 0")
    docs: bool = Field(True, description="1 to serve the page /docs, or 0")
    workers: int = Field(1, ge=1, le=256, description="a whole number from 1 to 256")
    gateways: int = Field(1, ge=1, le=256, description="a whole number from 1 to 256")

    # payments and settlement
    payment_provider: Annotated[str, AfterValidator(setting_forms.provider_name)] | None = Field(
        None, description=f"one of {', '.join(PROVIDERS)}"
    )
    former_payment_providers: Annotated[str, AfterValidator(setting_forms.provider_names)] = Field(
        "", description="names of providers used before, with commas, whose operations are still asked of them"
    )
    stripe_key: SecretStr | None = Field(None, description="a secret key of Stripe")
    stripe_webhook_secret: SecretStr | None = Field(None, description="the signing secret of Stripe's webhook")
    stripe_publishable_key: SecretStr | None = Field(None, description="a publishable key of Stripe, for pages")
    stripe_api_base: Annotated[str, AfterValidator(setting_forms.web_address)] | None = Field(
        None, description="an address such as https://api.stripe.com"
    )
    deposit_method: Literal["authorisation", "charge"] = Field(
        "authorisation", description="authorisation (the provider reserves deposits) or charge"
    )
    delivery_centres: Annotated[str, AfterValidator(setting_forms.names)] = Field(
        "Beijing,Shanghai,Guangzhou,Shenzhen,Chengdu,Wuhan", description="names with commas between them"
    )
    bank_account_holder: Annotated[str, AfterValidator(NAME.accept)] | None = Field(
        None, description="the name in which the house has its account, at most 100 characters"
    )
    bank_account_number: Annotated[str, AfterValidator(NAME.accept)] | None = Field(
        None, description="the number of the house's account, at most 100 characters"
    )
    bank_account_bank: Annotated[str, AfterValidator(NAME.accept)] | None = Field(
        None, description="the bank and branch of the house's account, at most 100 characters"
    )
    identity_limits: Annotated[str, AfterValidator(setting_forms.limits)] = Field(
        "",
        description="levels of identity with the highest bid in fen, such as 0:100000000,1:1000000000; "
        "below the lowest one nobody may bid, above the highest one there is no limit",
    )

    # bids, in each process that takes them (HTTP and live)
    edge_refusals: bool = Field(
        True, description="1 to refuse bids that are certainly too low without asking the ledger, or 0"
    )
    bids_per_bidder_s: int = Field(
        5, ge=0, le=100_000, description="a whole number of bids a second from 1 to 100000, or 0 for no limit"
    )
    bids_in_flight: int = Field(
        4, ge=0, le=100_000, description="a whole number of unanswered bids from 1 to 100000, or 0 for no limit"
    )

    # output
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="one of debug, info, warning, error"
    )
    log_format: Literal["console", "json"] = Field("console", description="console or json")
    currency: Annotated[str, AfterValidator(setting_forms.currency)] = Field(
        "CNY", description=f"one of {', '.join(CURRENCIES)}"
    )
    locale: str = Field(
        "zh-CN", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", description="a language tag such as zh-CN"
    )

    @model_validator(mode="after")
    def _ports_apart(self) -> Self:
        if self.http_port == self.live_port:
            raise ValueError(f"{PREFIX}LIVE_PORT must differ from {PREFIX}HTTP_PORT, got {self.live_port} for both")
        return self

    @model_validator(mode="after")
    def _metrics_apart(self) -> Self:
        if self.metrics_port is None:
            return self
        ports = {self.metrics_port, self.live_metrics_port}
        if ports & {self.http_port, self.live_port} or self.live_metrics_port == MAX_PORT + 1:
            raise ValueError(
                f"{PREFIX}METRICS_PORT must, with the port after it, be free of {PREFIX}HTTP_PORT and "
                f"{PREFIX}LIVE_PORT and below {MAX_PORT}, got {self.metrics_port}"
            )
        return self

    @property
    def live_metrics_port(self) -> int | None:
        """Where live gateways serve their metrics: the port after that of the HTTP processes."""
        return None if self.metrics_port is None else self.metrics_port + 1

    @model_validator(mode="after")
    def _provider_complete(self) -> Self:
        used = {"PAYMENT_PROVIDER": [self.payment_provider] if self.payment_provider else []}
        used["FORMER_PAYMENT_PROVIDERS"] = [*self.former_providers]
        for variable, providers in used.items():
            for provider in providers:
                for name in PROVIDERS[provider].required_settings:
                    if getattr(self, name) is None:
                        raise ValueError(f"{PREFIX}{name.upper()} must be set where {PREFIX}{variable} is {provider}")
        return self

    @model_validator(mode="after")
    def _account_complete(self) -> Self:
        parts = ("bank_account_holder", "bank_account_number", "bank_account_bank")
        missing = [name for name in parts if getattr(self, name) is None]
        if missing and len(missing) < len(parts):
            raise ValueError(
                f"{PREFIX}{missing[0].upper()} must be set where any other part of the bank account is: "
                f"it is {self.__class__.model_fields[missing[0]].description}"
            )
        return self

    @property
    def bank_account(self) -> BankAccount | None:
        """The house's account for bank transfers; None: they are not offered."""
        if self.bank_account_holder is None or self.bank_account_number is None or self.bank_account_bank is None:
            return None
        return BankAccount(self.bank_account_holder, self.bank_account_number, self.bank_account_bank)

    @property
    def embedded_ledger_settings(self) -> Mapping[str, str]:
        """The settings of the embedded ledger's server that are not its defaults."""
        return {} if self.ledger_memory_mb is None else {"maxmemory": f"{self.ledger_memory_mb}mb"}

    @property
    def identity_levels(self) -> tuple[tuple[int, int], ...]:
        """Pairs of an identity level and the highest bid (fen) that it allows."""
        pairs = (pair.split(":") for pair in filter(None, self.identity_limits.split(",")))
        return tuple((int(level), int(limit)) for level, limit in pairs)

    @property
    def former_providers(self) -> tuple[str, ...]:
        """The names of providers that were used before the present one."""
        named = (name.strip() for name in self.former_payment_providers.split(","))
        return tuple(name for name in named if name and name != self.payment_provider)

    @property
    def secret(self) -> str:
        """The secret that tokens are signed with. Raises SettingsError where none is set."""
        if self.secret_key is None:
            raise SettingsError(
                f"{PREFIX}SECRET_KEY must be set to {describe('secret_key')}, the same for all processes"
            )
        return self.secret_key.get_secret_value()

    @property
    def keys_dir(self) -> Path:
        """Where the keys are that sign receipts, published records and, beside the first, tokens."""
        return self.signing_keys or self.data_dir / "keys"

    @property
    def provider(self) -> str:
        """The name of the payment provider. Raises SettingsError where none is named: none is used by default."""
        if self.payment_provider is None:
            stand_ins = ", ".join(row.name for row in PROVIDERS.values() if not row.moves_money)
            raise SettingsError(
                f"{PREFIX}PAYMENT_PROVIDER must be set to {describe('payment_provider')} "
                f"(for trying out: {stand_ins}, which moves no money)"
            )
        return self.payment_provider


def load_settings(**given: Any) -> Settings:
    """Read the settings; `given` takes precedence over every other source. Raises SettingsError."""
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError("\n".join(map(_sentence, error.errors(include_url=False)))) from None
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"the file .env must be readable UTF-8 text: {error}") from None


def describe(name: str) -> str:
    """What the setting with that field name must be, as a phrase."""
    return Settings.model_fields[name].description or "of another form"


def _sentence(error: ErrorDetails) -> str:
    if not error["loc"]:
        return str(error["ctx"]["error"])
    name = str(error["loc"][0])
    return f"{PREFIX}{name.upper()} must be {describe(name)}, got {_shown(name, error['input'])}"


def _shown(name: str, value: object) -> str:
    """A wrong value as far as it may be printed: of a secret its length, of an address its scheme."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    if isinstance(value, SecretStr) or name == "secret_key":
        return f"{len(text)} characters"
    if name in {"redis_url", "database_url", "database_owner_url"}:
        scheme, mark, _ = text.partition("://")
        return f"'{scheme}://...'" if mark else "something without a scheme"
    return repr(text if len(text) <= _SHOWN_CHARACTERS_MAX else f"{text[:_SHOWN_CHARACTERS_MAX]}...")
