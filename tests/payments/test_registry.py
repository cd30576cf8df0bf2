"""The registry of payment providers: every row can be opened, and nothing but a row can."""

from dataclasses import fields
from pathlib import Path

import pytest

from auction.domain.states import OperationKind
from auction.payments.absent import AbsentGateway
from auction.payments.gateway import GatewayAway, NoticeQueue, NoticeRefused, PaymentGateway
from auction.payments.registry import PROVIDERS, Provider, ProviderConfig, open_gateway
from auction.settings import Settings


def config_of(row: Provider, data_dir: Path, **settings: str | None) -> ProviderConfig:
    given = {**dict.fromkeys(row.required_settings, "given"), **dict.fromkeys(row.optional_settings), **settings}
    return ProviderConfig("s" * 40, data_dir, currency="cny", settings=given)


@pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: row.name)
async def test_a_provider_is_opened_by_its_row(row: Provider, tmp_path: Path) -> None:
    gateway = open_gateway(row.name, config_of(row, tmp_path / "new"))
    assert gateway.provider == row.name
    assert gateway.default_payment_method is None or not row.moves_money
    await gateway.close()


@pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: row.name)
def test_the_settings_of_a_row_are_settings_and_its_required_ones_are_required(row: Provider, tmp_path: Path) -> None:
    named = (*row.required_settings, *row.optional_settings)
    assert set(named) <= set(Settings.model_fields)
    assert len(set(named)) == len(named)
    for name in row.required_settings:
        with pytest.raises(ValueError, match=name):
            open_gateway(row.name, config_of(row, tmp_path, **{name: None}))


@pytest.mark.parametrize("name", ["", "paypal", "Sandbox", "none"])
def test_an_unknown_provider_is_refused_with_those_there_are(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there are " + ", ".join(PROVIDERS)):
        open_gateway(name, ProviderConfig("s" * 40, tmp_path, currency="cny", settings={}))


async def test_two_processes_with_one_secret_read_each_others_notices_of_the_sandbox(tmp_path: Path) -> None:
    row = PROVIDERS["sandbox"]
    one, other = (open_gateway(row.name, config_of(row, tmp_path)) for _ in range(2))
    assert isinstance(one, NoticeQueue)
    await one.hold("hold-1", amount_fen=100, payment_method="sandbox-ok", payer="bidder-1")
    (due,) = await one.due_notices(10)
    now_s = int(due.headers["Sandbox-Signature"].partition(",")[0].removeprefix("t="))
    notice = other.read_notice(due.body, due.headers, now_s)
    assert notice is not None
    assert notice.operation_id == "hold-1"
    await one.close()
    await other.close()


def test_no_secret_of_a_provider_prints() -> None:
    secrets = {name for row in PROVIDERS.values() for name in row.required_settings}
    assert all("SecretStr" in str(Settings.model_fields[name].annotation) for name in secrets)
    assert "settings" in {field.name for field in fields(ProviderConfig) if not field.repr}


async def test_a_process_without_a_provider_moves_nothing_and_believes_nobody() -> None:
    absent: PaymentGateway = AbsentGateway()
    assert absent.default_payment_method is None
    assert not isinstance(absent, NoticeQueue)
    with pytest.raises(GatewayAway):
        await absent.hold("hold-1", amount_fen=100, payment_method="pm_1", payer="bidder-1")
    with pytest.raises(GatewayAway):
        await absent.look_up("hold-1", OperationKind.HOLD, None)
    with pytest.raises(NoticeRefused):
        absent.read_notice(b"{}", {}, 0.0)
    await absent.close()
