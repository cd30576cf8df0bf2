"""The payment providers: one row each. Adding one is its package, a row here, and its settings in `auction.settings`.

A provider's package has a module with `open_gateway(config)`, which is imported only where the provider is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class Provider:
    """A row: the name that AUCTION_PAYMENT_PROVIDER takes, the module that opens it, and its settings by field name."""

    name: str
    module: str
    required_settings: tuple[str, ...] = ()
    optional_settings: tuple[str, ...] = ()
    moves_money: bool = True
    """False: a stand-in, which an operator is told of."""


_ROWS = (
    Provider("sandbox", "auction.payments.sandbox.gateway", moves_money=False),
    Provider(
        "stripe", "auction.payments.stripe.gateway", ("stripe_key", "stripe_webhook_secret"), ("stripe_api_base",)
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
    gateway: PaymentGateway = import_module(row.module).open_gateway(config)
    return gateway
