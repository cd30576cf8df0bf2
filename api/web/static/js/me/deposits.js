// A line for a deposit and where it is, and a line for a registration and how high it lets one bid.

import { element, setText } from "../shared/element.js";
import { dateTime, hasText, joinSentences, t } from "../shared/i18n.js";
import { yuan, yuanShort } from "../shared/money.js";
import { outcomeOf } from "../shared/outcome.js";
import { failureText } from "../shared/problems.js";

const TONES = { pending: "info", held: "good", releasing: "info", forfeited: "bad", failed: "bad", lapsed: "warn" };

const STATUS_TONES = { open: "good", paused: "warn", held: "warn", frozen: "bad", scheduled: "info", void: "bad" };

/** What a held deposit is held for. */
function purposeOf(deposit) {
  if (deposit.why === "paid" || deposit.why === "default") return deposit.why;
  if (deposit.policy === "purse" && !deposit.part_of) return "purse";
  return deposit.kept_as_runner_up ? "runner-up" : "lot";
}

/** Where a deposit is, in a sentence; `lot` is its lot, as far as it is known. */
function depositStatusText(deposit, lot) {
  const { status, why } = deposit;
  if (status === "held") {
    const how = t(deposit.captured_fen === null ? "deposit.held.aside" : "deposit.held.taken");
    return `${how}${t(`deposit.held.${purposeOf(deposit)}`)}`;
  }
  if (deposit.confirmation) return t("deposit.where.unconfirmed");
  const facts = {
    when: dateTime(deposit.ended_at_ms ?? 0),
    failure: failureText(why),
    captured: yuan(deposit.captured_fen ?? 0),
  };
  const cause = `deposit.why.${lot.outcome === "void" ? "void" : why}`;
  const because = ["releasing", "released"].includes(status) && hasText(cause) ? t(cause) : "";
  return `${t(`deposit.where.${status}`, facts)}${because}`;
}

/** A line whose parts are changed in place. */
function line(page, kind) {
  const title = element("a", {});
  const badge = element("span", { class: "badge" });
  const amount = element("span", { class: "amount" });
  const words = element("p", { class: "soft" });
  const root = element("li", { class: `line ${kind}` }, title, amount, words, badge);
  return {
    root,
    fill(lotId, figures) {
      setText(title, page.lot(lotId).title);
      title.href = `/lots/${encodeURIComponent(lotId)}`;
      setText(amount, figures.amount);
      setText(words, figures.words);
      setText(badge, figures.badge);
      badge.hidden = !figures.badge;
      badge.dataset.tone = figures.tone ?? "";
    },
  };
}

/** A deposit: {root, show(deposit)}. */
export function depositRow(page) {
  const { root, fill } = line(page, "deposit");
  return {
    root,
    show(deposit) {
      root.dataset.deposit = deposit.deposit_id;
      root.dataset.status = deposit.status;
      fill(deposit.lot_id, {
        amount: `¥${yuan(deposit.left_fen || deposit.amount_fen)}`,
        words: depositStatusText(deposit, page.lot(deposit.lot_id)),
        badge: t(`deposit.${deposit.status}`),
        tone: TONES[deposit.status],
      });
    },
  };
}

function limitWords(registration) {
  if (registration.purse_fen !== null) return t("registration.purse", { purse: yuanShort(registration.purse_fen) });
  if (registration.limit_fen === null) return t("registration.no-limit");
  if (registration.limit_fen === 0) return t("registration.nothing");
  return t("lot.limit", { limit: yuanShort(registration.limit_fen) });
}

/** A registration: {root, show(registration)}. */
export function registrationRow(page) {
  const { root, fill } = line(page, "registration");
  return {
    root,
    show(registration) {
      const held = registration.deposit.held_fen;
      const lot = page.lot(registration.lot_id);
      const outcome = outcomeOf(lot);
      const amount = t("lot.paddle", { paddle: registration.paddle });
      if (outcome) {
        const { sentences, paddle, priceFen, badge, tone, viewer } = outcome;
        root.dataset.viewer = viewer;
        const words = joinSentences(sentences.map((name) => t(name, { paddle, price: yuan(priceFen) })));
        fill(registration.lot_id, { amount, words, badge: t(badge), tone });
        return;
      }
      fill(registration.lot_id, {
        amount,
        // what may be bid is said once it is known that the lot goes on
        words: lot.status
          ? `${limitWords(registration)}${held ? t("registration.held", { amount: yuan(held) }) : ""}`
          : "",
        badge: lot.status ? t(`status.${lot.status}`) : "",
        tone: STATUS_TONES[lot.status],
      });
    },
  };
}
