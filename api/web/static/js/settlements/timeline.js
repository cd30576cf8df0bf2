// A lot's settlement as it went: the timeline, defaults, offers, deposits, the provider's answers, journal and balances.

import { element, setText } from "../shared/element.js";
import { hasText, t } from "../shared/i18n.js";
import { KeyedList } from "../shared/keyed_list.js";
import { yuan } from "../shared/money.js";
import { failureText } from "../shared/problems.js";
import { shortDateTime } from "../shared/staff_text.js";
import { actorText, nameOf, stepText, stepTone, textOrCode, waterfallParts } from "./settlement_text.js";

const OPERATION_TONES = { intended: "info", pending: "warn", succeeded: "good", failed: "bad" };
const DEPOSIT_TONES = {
  pending: "info",
  held: "good",
  releasing: "info",
  forfeited: "bad",
  failed: "bad",
  lapsed: "warn",
};
const OFFER_TONES = { open: "warn", accepted: "good" };
const DEFAULT_TONES = { collecting: "warn", collected: "warn", resolved: "", returned: "info" };

/** A section with a title, a list kept in place, and a sentence for when it is empty. */
function section(host, name, tag, make, extra = null) {
  const list = element(tag, { class: `${name} numbers`, id: `settlement-${name}` });
  const none = element("p", { class: "soft", hidden: true }, t(`money.none.${name}`));
  const title = element("h3", { id: `title-${name}` }, t(`money.title.${name}`));
  host.append(
    element(
      "section",
      { class: "card", "aria-labelledby": `title-${name}` },
      element("div", { class: "row-between" }, title, extra),
      list,
      none,
    ),
  );
  const keyed = new KeyedList(list, make);
  return (entries, keyOf) => {
    keyed.show(entries, keyOf);
    none.hidden = entries.length > 0;
    list.hidden = entries.length === 0;
  };
}

/** A line with a title, an amount, a sentence and a badge. */
function line(describe) {
  return () => {
    const title = element("span", { class: "who" });
    const amount = element("span", { class: "amount" });
    const words = element("p", { class: "soft" });
    const badge = element("span", { class: "badge" });
    const root = element("li", { class: "line" }, title, amount, words, badge);
    return {
      root,
      show(one) {
        const told = describe(one);
        setText(title, told.title);
        setText(amount, told.amount);
        setText(words, told.words);
        words.hidden = !told.words;
        setText(badge, told.badge);
        badge.dataset.tone = told.tone ?? "";
      },
    };
  };
}

export class SettlementTimeline {
  #steps;
  #defaults;
  #offers;
  #deposits;
  #operations;
  #entries;
  #balances;
  #stuck = [];

  /** `correct(name, operation)` is called for what staff do about an operation; null where they may not. */
  constructor(host, lotId, correct = null) {
    const csv = element(
      "a",
      {
        class: "button small",
        id: "lot-csv",
        href: `/api/v1/ops/journal.csv?lot_id=${encodeURIComponent(lotId)}`,
        download: true,
      },
      t("money.lot-csv"),
    );
    this.#steps = section(host, "steps", "ol", () => step());
    this.#defaults = section(host, "defaults", "ul", () => defaulted(correct));
    this.#offers = section(host, "offers", "ul", line(offer));
    this.#deposits = section(host, "deposits", "ul", line(deposit));
    this.#operations = section(host, "operations", "ul", () =>
      correctable((one) => operation(one, this.#stuck), correct),
    );
    this.#entries = section(host, "entries", "ol", () => entry(), csv);
    this.#balances = section(host, "balances", "ul", () => balance());
  }

  /** Show the newest detail. */
  show(detail) {
    this.#stuck = detail.settlement.stuck;
    this.#steps(
      detail.steps.map((one, index) => ({ ...one, index })),
      (one) => one.index,
    );
    this.#defaults(detail.defaults, (one) => one.default_id);
    this.#offers(detail.offers, (one) => one.offer_id);
    this.#deposits(detail.deposits, (one) => one.deposit_id);
    this.#operations(detail.operations, (one) => one.operation_id);
    this.#entries(detail.entries, (one) => one.entry_id);
    const open = Object.entries(detail.balances).filter(([, fen]) => fen !== 0);
    this.#balances(
      open.map(([account, fen]) => ({ account, fen })),
      (one) => one.account,
    );
  }
}

/** Steps never change: built once. */
function step() {
  const root = element("li", {});
  return {
    root,
    show(one) {
      if (root.childElementCount) return;
      root.dataset.step = one.step;
      root.dataset.tone = stepTone(one.step);
      root.append(
        element("span", { class: "when" }, shortDateTime(one.at_ms)),
        element("span", { class: "told" }, stepText(one)),
        ...(one.step === "waterfall" ? [parts(one.details)] : []),
        ...(one.reason ? [element("q", { class: "why" }, one.reason)] : []),
        element("span", { class: "by" }, actorText(one.actor)),
      );
    },
  };
}

function parts(details) {
  const rows = waterfallParts(details).map(([name, fen]) =>
    element("div", {}, element("dt", {}, t(`money.split.${name}`)), element("dd", {}, `¥${yuan(fen)}`)),
  );
  return element("dl", { class: "split" }, rows);
}

/** A default, with who got the deposit once it is shared out. */
function defaulted(correct) {
  const { root, show } = line(describeDefault)();
  const shares = element("div", {});
  let newest = null;
  const collect = element("button", { class: "button small", type: "button", hidden: true }, t("money.collect"));
  collect.addEventListener("click", () => correct("collect", newest));
  root.append(shares);
  if (correct) root.append(collect);
  return {
    root,
    show(one) {
      newest = one;
      show(one);
      collect.hidden = one.claim_left_fen === 0;
      if (one.split && !shares.childElementCount) shares.append(parts({ ...one.split, claim_fen: one.claim_fen }));
    },
  };
}

function describeDefault(one) {
  const facts = {
    price: yuan(one.price_fen),
    when: shortDateTime(one.at_ms),
    until: shortDateTime(one.resolve_by_ms),
    lot: one.resale_lot_id,
    resale: yuan(one.resale_price_fen ?? 0),
    claim: yuan(one.claim_fen),
    collected: yuan(one.collected_fen),
    left: yuan(one.claim_left_fen),
  };
  const sold = one.resale_price_fen === null ? "" : t("money.default.resold", facts);
  const waits = ["collecting", "collected"].includes(one.status) && !sold ? t("money.default.waits", facts) : "";
  const claim = one.claim_fen ? t(one.written_off ? "money.default.written-off" : "money.default.claimed", facts) : "";
  const collected = one.collected_fen ? t("money.default.collected", facts) : "";
  return {
    title: nameOf(one.bidder_id),
    amount: `¥${yuan(one.forfeited_fen)}`,
    words: `${t(`money.default.${one.cause}`, facts)}${sold}${waits}${claim}${collected}`,
    badge: textOrCode("money.default-status", one.status),
    tone: DEFAULT_TONES[one.status],
  };
}

function offer(one) {
  const until = t(one.status === "open" ? "money.offer.open" : "money.offer.past", {
    own: yuan(one.own_bid_fen),
    until: shortDateTime(one.answered_at_ms ?? one.expires_at_ms),
  });
  return {
    title: t("money.bidder", { paddle: one.paddle, bidder: nameOf(one.bidder_id) }),
    amount: `¥${yuan(one.price_fen)}`,
    words: until,
    badge: t(`offer.${one.status}`),
    tone: OFFER_TONES[one.status],
  };
}

function deposit(one) {
  const why = hasText(`deposit.why.${one.why}`)
    ? t(`deposit.why.${one.why}`).trim()
    : ["failed", "lapsed"].includes(one.status)
      ? failureText(one.why)
      : "";
  const kept = one.kept_as_runner_up ? t("money.deposit.runner-up") : "";
  const taken = one.captured_fen === null ? "" : t("money.deposit.captured", { amount: yuan(one.captured_fen) });
  return {
    title: nameOf(one.bidder_id),
    amount: `¥${yuan(one.amount_fen)}`,
    words: [t(`money.deposit.${one.method}`), taken, kept, why].filter(Boolean).join(" · "),
    badge: t(`deposit.${one.status}`),
    tone: DEPOSIT_TONES[one.status],
  };
}

/** What staff may do about an operation that the provider does not end, by name; null: nothing. */
function correctionOf(one) {
  const isOpen = ["intended", "pending"].includes(one.status);
  if (["hold", "charge"].includes(one.kind) && isOpen && one.abandon_asked_at_ms === null) return "abandon";
  if (one.kind === "refund" && one.status === "failed" && one.failure !== "refunded_otherwise") return "otherwise";
  return null;
}

/** A line with the button of its correction. */
function correctable(describe, correct) {
  const { root, show } = line(describe)();
  let newest = null;
  const button = element("button", { class: "button small", type: "button", hidden: true });
  button.addEventListener("click", () => correct(correctionOf(newest), newest));
  if (correct) root.append(button);
  return {
    root,
    show(one) {
      newest = one;
      show(one);
      const name = correctionOf(one);
      button.hidden = name === null;
      if (name) setText(button, t(`money.operation.${name}`));
    },
  };
}

function operation(one, stuck) {
  const isStuck = stuck.includes(one.operation_id);
  const told = [
    one.operation_id,
    one.attempts > 1 ? t("money.operation.attempts", { n: one.attempts }) : "",
    one.abandon_asked_at_ms !== null ? t("money.operation.abandoned") : "",
    one.failure ? failureText(one.failure) : "",
    shortDateTime(one.resolved_at_ms ?? one.created_at_ms),
  ];
  return {
    title: `${textOrCode("money.operation", one.kind)} · ${nameOf(one.bidder_id)}`,
    amount: `¥${yuan(one.amount_fen)}`,
    words: told.filter(Boolean).join(" · "),
    badge: t(isStuck ? "money.operation.stuck" : `money.operation-status.${one.status}`),
    tone: isStuck ? "bad" : OPERATION_TONES[one.status],
  };
}

/** Entries never change: built once. */
function entry() {
  const root = element("li", {});
  return {
    root,
    show(one) {
      if (root.childElementCount) return;
      root.dataset.kind = one.kind;
      root.append(
        element(
          "div",
          { class: "entry-head" },
          element("span", { class: "told" }, textOrCode("entry", one.kind)),
          element("span", { class: "soft" }, `#${one.entry_id} · ${shortDateTime(one.at_ms)}`),
        ),
        ...one.lines.map(posting),
      );
    },
  };
}

function posting(one) {
  const side = one.amount_fen > 0 ? "debit" : "credit";
  const account = textOrCode("account", one.account);
  return element(
    "div",
    { class: "posting", "data-side": side },
    element(
      "span",
      { class: "account" },
      one.bidder ? t("money.account-of", { account, bidder: nameOf(one.bidder) }) : account,
    ),
    element(
      "span",
      { class: "amount" },
      element("span", { class: "side" }, t(`money.${side}`), " "),
      `¥${yuan(Math.abs(one.amount_fen))}`,
    ),
  );
}

function balance() {
  const account = element("span", { class: "account" });
  const amount = element("span", { class: "figure" });
  const side = element("span", { class: "side" });
  const root = element("li", { class: "posting" }, account, element("span", { class: "amount" }, side, " ", amount));
  return {
    root,
    show(one) {
      root.dataset.side = one.fen > 0 ? "debit" : "credit";
      setText(account, textOrCode("account", one.account));
      setText(side, t(one.fen > 0 ? "money.debit" : "money.credit"));
      setText(amount, `¥${yuan(Math.abs(one.fen))}`);
    },
  };
}
