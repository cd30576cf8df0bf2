// The status under which a lot is shown while the ledger that it is in is being recovered.

import assert from "node:assert/strict";
import { test } from "node:test";

import { withShownStatus } from "../../api/web/static/js/shared/lot_status.js";

test("a lot whose ledger is being recovered is shown as frozen, until it is over", () => {
  assert.equal(withShownStatus({ status: "open", ledger_away: true }).status, "frozen");
  assert.equal(withShownStatus({ status: "paused", ledger_away: true }).status, "frozen");
  assert.equal(withShownStatus({ status: "closed", ledger_away: true }).status, "closed");
  assert.equal(withShownStatus({ status: "void", ledger_away: true }).status, "void");
});

test("any other lot is shown as it is", () => {
  const lot = { status: "open", ledger_away: false };
  assert.equal(withShownStatus(lot), lot);
});
