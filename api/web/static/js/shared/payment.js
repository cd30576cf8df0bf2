// How a page pays: the field for the way to pay, and the one key that makes an intended payment a single payment.

import { get, newKey } from "./api.js";
import { element } from "./element.js";
import { t } from "./i18n.js";

export const SANDBOX_CARDS = [
  ["sandbox-ok", "pay.card"],
  ["sandbox-slow", "pay.card-slow"],
  ["sandbox-3ds", "pay.card-confirmed"],
  ["sandbox-declines", "pay.card-declined"],
];

/** What a saved card is called. */
export const cardName = (card) => t("pay.saved", { brand: card.brand.toUpperCase(), last4: card.last4 });

/** Tell every field for the way to pay that a card was saved or removed. */
export const tellCardsChanged = () => document.dispatchEvent(new CustomEvent("cards-changed"));

/** A labelled field for the way to pay: {root, read()}; `read` gives a saved card's id, or null where there is none. */
export function paymentField(id, provider) {
  const sandbox = provider === "sandbox";
  const control = element("select", { id, "aria-describedby": `${id}-hint` });
  const hint = element("span", { class: "hint", id: `${id}-hint` });
  const root = element("div", { class: "field" }, element("label", { for: id }, t("pay.method")), control, hint);
  const cards = sandbox ? SANDBOX_CARDS.map(([card, words]) => [card, t(words)]) : [];

  function offer(saved) {
    const chosen = control.value;
    const options = [...cards, ...saved.map((card) => [card.method_id, cardName(card)])];
    control.replaceChildren(...options.map(([value, words]) => element("option", { value }, words)));
    if (options.some(([value]) => value === chosen)) control.value = chosen;
    control.hidden = options.length === 0;
    if (sandbox) hint.replaceChildren(t("pay.sandbox-hint"));
    else
      hint.replaceChildren(
        element("a", { href: "/me#cards-title" }, t(saved.length ? "pay.manage" : "pay.save-first")),
      );
  }

  async function look() {
    offer((await get("/me/payment-methods").catch(() => ({ payment_methods: [] }))).payment_methods);
  }

  offer([]);
  look();
  document.addEventListener("cards-changed", () => root.isConnected && look());
  return { root, control, read: () => control.value || null };
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
