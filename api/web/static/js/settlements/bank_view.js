// The bank on the settlements page: what is there, receipts to match or return, transfers to send, statements to import.

import { get, timeoutSignal } from "../shared/api.js";
import { confirmAction } from "../shared/confirm_dialog.js";
import { showDefinitions } from "../shared/definition_list.js";
import { element, setText } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { KeyedList } from "../shared/keyed_list.js";
import { yuanShort } from "../shared/money.js";
import { staffProblemText } from "../shared/staff_text.js";
import { bankAction, bankOutcome } from "./bank_actions.js";
import { receiptRow, transferRow } from "./bank_rows.js";
import { addNames } from "./settlement_text.js";
import { StatementImport } from "./statement_import.js";

const ANSWER_MS = 8000;
const SHOWN_MAX = 200;

export class BankView {
  #who;
  #announce;
  #parts = {};
  #receipts;
  #transfers;
  #import;
  #onlyOpen = true;
  #busy = false;
  #asked = 0;

  constructor(host, { who, announce }) {
    this.#who = who;
    this.#announce = announce;
    this.#import = new StatementImport({ announce, changed: () => this.refresh() });
    this.#build(host);
  }

  #build(host) {
    const parts = this.#parts;
    parts.figures = element("dl", { class: "figures numbers" });
    parts.outcome = element("p", { class: "notice", id: "bank-outcome", role: "status", hidden: true });
    parts.receipts = element("ul", { class: "bank-rows", id: "receipts" });
    parts.noReceipts = element("p", { class: "empty card", hidden: true });
    parts.transfers = element("ul", { class: "bank-rows", id: "transfers" });
    parts.noTransfers = element("p", { class: "empty card", hidden: true });
    const act = (name, about) => this.#act(name, about);
    this.#receipts = new KeyedList(parts.receipts, () => receiptRow(this.#who, act));
    this.#transfers = new KeyedList(parts.transfers, () => transferRow(this.#who, act));
    const isFinance = this.#who.role === "finance";
    const section = (name, ...children) =>
      element(
        "section",
        { "aria-labelledby": `bank-${name}` },
        element("h2", { id: `bank-${name}` }, t(`bank.${name}`)),
        ...children,
      );
    host.replaceChildren(
      element(
        "div",
        { class: "bank-head" },
        parts.figures,
        isFinance
          ? element(
              "button",
              { class: "button main", type: "button", id: "act-book", onclick: () => act("book", null) },
              t("bank.act.book"),
            )
          : null,
      ),
      parts.outcome,
      ...(isFinance ? [this.#import.root] : []),
      this.#filters(),
      element(
        "div",
        { class: "bank-columns" },
        section("receipts", parts.receipts, parts.noReceipts),
        section("transfers", parts.transfers, parts.noTransfers),
      ),
    );
    if (isFinance) this.#import.open().catch(() => null);
  }

  /** Only what is to be done, or all; a search, and the days of the receipts. */
  #filters() {
    const parts = this.#parts;
    const input = (id, type, label) => {
      parts[id] = element("input", {
        id: `receipts-${id}`,
        type,
        maxlength: 100,
        autocomplete: "off",
        "aria-label": label,
      });
      parts[id].addEventListener(type === "search" ? "input" : "change", () => this.refresh());
      return parts[id];
    };
    parts.chips = [true, false].map((open) =>
      element(
        "button",
        {
          class: "state",
          type: "button",
          "data-open": String(open),
          onclick: () => {
            this.#onlyOpen = open;
            this.refresh();
          },
        },
        t(open ? "bank.to-do" : "bank.all"),
      ),
    );
    const search = input("q", "search", t("bank.search"));
    search.placeholder = t("bank.search");
    return element(
      "div",
      { class: "search", role: "search" },
      element("div", { class: "states" }, parts.chips),
      search,
      element(
        "span",
        { class: "days" },
        input("from", "date", t("search.from")),
        "–",
        input("to", "date", t("search.to")),
      ),
    );
  }

  /** Ask for the newest; throws the problem, which the page tells. */
  async refresh() {
    this.#asked += 1;
    const mine = this.#asked;
    const { q, from, to, chips } = this.#parts;
    for (const chip of chips) chip.setAttribute("aria-pressed", String(chip.dataset.open === String(this.#onlyOpen)));
    const wanted = { open: this.#onlyOpen, q: q.value.trim(), from_date: from.value, to_date: to.value };
    const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value !== ""));
    const signal = timeoutSignal(ANSWER_MS);
    const [receipts, transfers] = await Promise.all([
      get(`/ops/receipts/bank?${query}&limit=${SHOWN_MAX}`, { signal }),
      get(`/ops/transfers?open=${this.#onlyOpen}&limit=${SHOWN_MAX}`, { signal }),
    ]);
    if (mine !== this.#asked) return;
    addNames(receipts.names);
    addNames(transfers.names);
    this.#show(receipts, transfers);
  }

  #show(receipts, transfers) {
    const parts = this.#parts;
    const urgent = (fen) => ({ urgent: fen ? "yes" : "no" });
    showDefinitions(parts.figures, [
      ["account.bank_cash", `¥${yuanShort(receipts.bank_fen)}`, urgent(0)],
      ["account.unmatched_receipts", `¥${yuanShort(receipts.unmatched_fen)}`, urgent(receipts.unmatched_fen)],
      ["account.transfers_payable", `¥${yuanShort(receipts.payable_fen)}`, urgent(receipts.payable_fen)],
    ]);
    this.#receipts.show(receipts.receipts, (one) => one.receipt_id);
    this.#transfers.show(transfers.transfers, (one) => one.transfer_id);
    parts.noReceipts.hidden = receipts.receipts.length > 0;
    setText(parts.noReceipts, t(this.#onlyOpen ? "bank.no-receipts-open" : "bank.no-receipts"));
    parts.noTransfers.hidden = transfers.transfers.length > 0;
    setText(parts.noTransfers, t(this.#onlyOpen ? "bank.no-transfers-open" : "bank.no-transfers"));
  }

  async #act(name, about) {
    if (this.#busy) return;
    this.#busy = true;
    const { outcome } = this.#parts;
    outcome.hidden = true;
    try {
      const answer = await confirmAction({
        ...bankAction(name, about),
        words: staffProblemText,
        failed: (problem) => problem.status === 409 && this.refresh().catch(() => null),
      });
      if (!answer) return;
      const { tone, words } = bankOutcome(name, answer);
      outcome.className = `notice ${tone}`;
      setText(outcome, words);
      outcome.hidden = false;
      this.#announce(words);
      await this.refresh().catch(() => null);
    } finally {
      this.#busy = false;
    }
  }
}
