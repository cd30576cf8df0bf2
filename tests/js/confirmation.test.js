// What a card's bank wants its owner to confirm: in the provider's dialog, or in the house's form, and what is told then.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { openDocument } from "./dom.js";

openDocument("en", {});
const { ConfirmationPanel, failedText } = await import("../../api/web/static/js/shared/confirmation.js");
const { t } = await import("../../api/web/static/js/shared/i18n.js");

const WAITING = { confirmation_id: "charge-1", amount_fen: 40_000, confirm_by_ms: 1_800_000_000_000 };
const PENDING = { ...WAITING, requires_action: true, status: "pending", failure: null };
const PAID = { ...PENDING, requires_action: false, status: "succeeded" };
const FAILED = { ...PENDING, requires_action: false, status: "failed", failure: "authentication_missing" };

let asked = [];
let answers = [];
let decided = [];
let secrets = [];

beforeEach(() => {
  openDocument("en", {});
  asked = [];
  answers = [];
  decided = [];
  secrets = [];
  globalThis.fetch = (url, options) => {
    asked.push([url.replace("/api/v1/me/confirmations/charge-1/", ""), JSON.parse(options.body)]);
    const [status, body] = answers.shift();
    return Promise.resolve(new Response(JSON.stringify(body), { status }));
  };
  globalThis.window = {};
});

/** Stripe's script, whose dialog ends like this. */
function stripe(result) {
  window.Stripe = (key) => ({
    handleNextAction: ({ clientSecret }) => {
      secrets.push([key, clientSecret]);
      return Promise.resolve(result);
    },
  });
}

function shown(provider) {
  const panel = new ConfirmationPanel({ provider, decided: (outcome) => decided.push(outcome) });
  panel.show(WAITING);
  const [confirm, decline, cancel] = panel.root.querySelectorAll("button");
  return { panel, confirm, decline, cancel, words: () => panel.root.textContent };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 10));

test("the provider's dialog is opened with the secret, and the outcome is asked of the house", async () => {
  stripe({ paymentIntent: {} });
  answers = [
    [200, { ...PENDING, publishable_key: "pk_1", client_secret: "pi_1_secret_2" }],
    [200, PAID],
  ];
  const { panel, decline } = shown("stripe");
  assert.equal(decline.hidden, true);
  panel.open();
  await settled();
  assert.deepEqual(secrets, [["pk_1", "pi_1_secret_2"]]);
  assert.deepEqual(asked, [
    ["open", {}],
    ["outcome", {}],
  ]);
  assert.deepEqual(decided, [PAID]);
  assert.equal(panel.root.hidden, true);
});

test("a dialog that was closed can be opened again", async () => {
  stripe({ error: { message: "You closed it." } });
  answers = [
    [200, { ...PENDING, publishable_key: "pk_1", client_secret: "pi_1_secret_2" }],
    [200, PENDING],
  ];
  const { panel, confirm, words } = shown("stripe");
  confirm.click();
  await settled();
  assert.deepEqual(decided, []);
  assert.equal(panel.root.hidden, false);
  assert.ok(words().includes("You closed it."));
  assert.equal(confirm.disabled, false);
});

test("what was decided meanwhile opens no dialog", async () => {
  answers = [[200, { ...FAILED, publishable_key: "pk_1", client_secret: null }]];
  const { confirm } = shown("stripe");
  confirm.click();
  await settled();
  assert.equal(decided[0].failure, "authentication_missing");
});

test("the house's form says what was chosen, once however often it is pressed", async () => {
  answers = [[200, PAID]];
  const { confirm, decline } = shown("sandbox");
  confirm.click();
  confirm.click();
  decline.click();
  await settled();
  assert.deepEqual(asked, [["outcome", { confirmed: true }]]);
  assert.deepEqual(decided, [PAID]);
});

test("a refusal is shown, and what is to be confirmed stays", async () => {
  answers = [[503, { code: "payments-away", title: "away", detail: "away" }]];
  const { panel, cancel, words } = shown("sandbox");
  cancel.click();
  await settled();
  assert.deepEqual(decided, []);
  assert.equal(panel.root.hidden, false);
  assert.ok(words().includes(t("problem.payments-away")));
});

test("what somebody else has ended is asked about, so that its owner is told why", async () => {
  answers = [[200, FAILED]];
  const { panel } = shown("sandbox");
  panel.show(null);
  await settled();
  assert.deepEqual(asked, [["outcome", {}]]);
  assert.deepEqual(decided, [FAILED]);
  assert.equal(failedText(FAILED), t("confirmation.authentication_missing"));
});
