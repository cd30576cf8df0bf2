// How a page pays: the field for the way to pay, and the one key that makes an intended payment a single payment.

import { newKey } from "./api.js";
import { element } from "./element.js";
import { t } from "./i18n.js";

const SANDBOX_CARDS = [
  ["sandbox-ok", "pay.card"],
  ["sandbox-slow", "pay.card-slow"],
  ["sandbox-declines", "pay.card-declined"],
];

/** A labelled field for the way to pay: {root, read()}; `read` gives the provider's token, or null where none is given. */
export function paymentField(id, provider) {
  const sandbox = provider === "sandbox";
  const control = sandbox
    ? element(
        "select",
        { id, "aria-describedby": `${id}-hint` },
        SANDBOX_CARDS.map(([card, words]) => element("option", { value: card }, t(words))),
      )
    : element("input", {
        id,
        autocomplete: "off",
        maxlength: 200,
        spellcheck: "false",
        "aria-describedby": `${id}-hint`,
      });
  const root = element(
    "div",
    { class: "field" },
    element("label", { for: id }, t("pay.method")),
    control,
    element("span", { class: "hint", id: `${id}-hint` }, t(sandbox ? "pay.sandbox-hint" : "pay.token-hint")),
  );
  return { root, control, read: () => control.value.trim() || null };
}

/** The body's part that says how it is paid. */
export const paymentBody = (field) => (field?.read() ? { payment_method: field.read() } : {});

const STORED = "auction-intent:";

/** The key of an intended payment: the same until its answer is known, through lost answers and reloads. */
export function paymentKey(name) {
  const stored = remembered(name);
  if (stored) return stored;
  const key = newKey();
  try {
    sessionStorage.setItem(STORED + name, key);
  } catch {
    kept.set(name, key);
  }
  return key;
}

/** The answer of an intended payment is known: the next one is another. */
export function forgetPaymentKey(name) {
  kept.delete(name);
  try {
    sessionStorage.removeItem(STORED + name);
  } catch {
    // a browser that stores nothing has nothing to forget
  }
}

/** Whether a problem is an answer; otherwise what was sent may have been done, and goes again under the same key. */
export const isFinalAnswer = (problem) => problem.status >= 400 && problem.status < 500 && problem.status !== 429;

const kept = new Map();

function remembered(name) {
  try {
    return sessionStorage.getItem(STORED + name) ?? kept.get(name);
  } catch {
    return kept.get(name);
  }
}
