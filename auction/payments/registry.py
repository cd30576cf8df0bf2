"""The payment providers: one row each. Adding one is its package, a row here, and its settings in `auction.settings`.

A provider's package has a module with `open_gateway(config)`, which is imported only where the provider is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path

from auction.domain.charge_limits import UNLIMITED, ChargeLimits
from auction.payments.gateway import PaymentGateway


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """What a provider may use. `settings`: the values of its row's settings by name, all required ones set."""

    secret: str = field(repr=False)
    """The secret of this deployment, to derive keys from."""
    data_dir: Path
    currency: str
    """ISO 4217, lower case."""
    settings: Mapping[str, str | None] = field(repr=False)
    limits: ChargeLimits = UNLIMITED
    """The least and the most at once, in `currency`; `open_gateway` takes them from the row."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A row: the name that AUCTION_PAYMENT_PROVIDER takes, the module that opens it, and its settings by field name."""

    name: str
    module: str
    required_settings: tuple[str, ...] = ()
    optional_settings: tuple[str, ...] = ()
    moves_money: bool = True
    """False: a stand-in, which an operator is told of."""
    limits: Mapping[str, ChargeLimits] = field(default_factory=dict)
    """The least and the most at once, by currency (ISO 4217, lower case)."""
    other_limits: ChargeLimits = UNLIMITED
    """Those in any other currency."""
    page_sources: Mapping[str, str] = field(default_factory=dict)
    """What a page with the provider's own form may load, by directive of the content security policy."""

    def limits_in(self, currency: str) -> ChargeLimits:
        """The least and the most at once in a currency (ISO 4217, lower case)."""
        return self.limits.get(currency, self.other_limits)


_STRIPE_MAX = 99_999_999
"""An amount of Stripe's has at most eight digits: its reference, PaymentIntent, `amount`."""
_ROWS = (
    Provider("sandbox", "auction.payments.sandbox.gateway", moves_money=False),
    Provider(
        "stripe",
        "auction.payments.stripe.gateway",
        ("stripe_key", "stripe_webhook_secret", "stripe_publishable_key"),
        ("stripe_api_base",),
        # its list of minimum charges names the yen; the yuan has to be worth the least of the currency that is settled
        # in, which is 4 HKD or 0.50 USD or EUR: always less than 5 yuan
        limits={"cny": ChargeLimits(500, _STRIPE_MAX), "jpy": ChargeLimits(50, _STRIPE_MAX)},
        other_limits=ChargeLimits(50, _STRIPE_MAX),
        page_sources={
            "script-src": "https://js.stripe.com",
            "frame-src": "https://js.stripe.com https://hooks.stripe.com",
            "connect-src": "https://api.stripe.com",
        },
    ),
)
PROVIDERS: Mapping[str, Provider] = {row.name: row for row in _ROWS}


def open_gateway(name: str, config: ProviderConfig) -> PaymentGateway:
    """The gateway of a provider. Raises ValueError for an unknown name, or where a required setting is missing."""
    row = PROVIDERS.get(name)
    if row is None:
        raise ValueError(f"there is no payment provider {name!r}; there are {', '.join(PROVIDERS)}")
    missing = [setting for setting in row.required_settings if not config.settings.get(setting)]
    if missing:
        raise ValueError(f"the payment provider {name} needs {', '.join(missing)}")
    config = replace(config, limits=row.limits_in(config.currency))
    gateway: PaymentGateway = import_module(row.module).open_gateway(config)
    return gateway
