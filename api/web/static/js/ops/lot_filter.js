// Which of the lots the list shows and in what order: by status, sale and words, kept in the address.

import { element } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { RUNNING } from "./lot_list.js";

const WAIT_MS = 200;
const STATUSES = ["open", "paused", "held", "frozen", "scheduled", "draft", "closed", "void"];
const GREATEST = Number.MAX_SAFE_INTEGER;

/** When a lot's next change is due; those that wait for none come last. */
function dueAt(lot) {
  if (lot.status === "scheduled") return lot.opens_at_ms ?? GREATEST;
  if (lot.status === "draft" || lot.ends_at_ms === null) return GREATEST;
  return lot.ends_at_ms;
}

const ORDERS = {
  number: null,
  time: (a, b) => dueAt(a) - dueAt(b),
  price: (a, b) => b.price_fen - a.price_fen,
  bids: (a, b) => b.bids - a.bids,
};

const numberOf = (lotId) => Number(lotId.slice(lotId.lastIndexOf("-") + 1));

/** Whether a lot has each of the words: digits as a whole number, of the lot or in its title, other words anywhere. */
export function matchesWords(lot, words) {
  const place = `${lot.title} ${lot.lot_id} ${lot.sale_title ?? ""}`.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .every((word) => {
      if (!/^\d+$/.test(word)) return place.includes(word);
      const inTitle = (lot.title.match(/\d+/g) ?? []).map(Number);
      return numberOf(lot.lot_id) === Number(word) || inTitle.includes(Number(word));
    });
}

/** The lots that fit, in the order wanted; `wanted` has status, sale, q and sort as the address has them. */
export function filterLots(lots, wanted) {
  const fits = (lot) =>
    (!wanted.status || (wanted.status === "running" ? RUNNING.includes(lot.status) : lot.status === wanted.status)) &&
    (!wanted.sale || lot.sale_id === wanted.sale) &&
    (!wanted.q || matchesWords(lot, wanted.q));
  const found = lots.filter(fits);
  const order = ORDERS[wanted.sort];
  return order ? found.sort(order) : found;
}

/** The form above the list; `changed()` is called once something else is wanted. */
export class LotFilter {
  #status;
  #sale;
  #words;
  #sort;
  #changed;
  #timer = 0;
  #sales = "";

  constructor(form, changed) {
    this.#changed = changed;
    const select = (id, name, choices) =>
      element(
        "select",
        { id, "aria-label": t(name) },
        choices.map(([value, words]) => element("option", { value }, words)),
      );
    const name = t("ops.filter.words");
    this.#words = element("input", {
      id: "filter-words",
      type: "search",
      maxlength: 100,
      autocomplete: "off",
      placeholder: name,
      "aria-label": name,
      "aria-keyshortcuts": "/",
    });
    this.#status = select("filter-status", "ops.filter.status", [
      ["", t("ops.filter.any-status")],
      ["running", t("ops.list.running")],
      ...STATUSES.map((status) => [status, t(`status.${status}`)]),
    ]);
    this.#sale = select("filter-sale", "ops.filter.sale", [["", t("ops.filter.any-sale")]]);
    const orders = Object.keys(ORDERS).map((order) => [order, t(`ops.sort.${order}`)]);
    this.#sort = select("filter-sort", "ops.filter.sort", orders);
    form.append(this.#words, element("div", { class: "choices" }, this.#status, this.#sale, this.#sort));
    this.#read();
    form.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#apply(), WAIT_MS);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#apply();
    });
    window.addEventListener("popstate", () => {
      this.#read();
      this.#changed();
    });
  }

  /** What is wanted, by the names that the address has. */
  get wanted() {
    return {
      q: this.#words.value.trim(),
      status: this.#status.value,
      sale: this.#sale.value,
      sort: this.#sort.value,
    };
  }

  /** Whether fewer than all lots may be shown. */
  get isActive() {
    const { q, status, sale } = this.wanted;
    return Boolean(q || status || sale);
  }

  /** Show the lots of a sale, all of them. */
  choose({ sale }) {
    this.#words.value = "";
    this.#status.value = "";
    this.#sale.value = sale;
    this.#apply();
  }

  focus() {
    this.#words.focus();
    this.#words.select();
  }

  /** Offer these sales. */
  offer(sales) {
    const key = sales.map((sale) => `${sale.sale_id} ${sale.title}`).join("\n");
    if (key === this.#sales) return;
    this.#sales = key;
    const chosen = this.#sale.value || new URLSearchParams(location.search).get("sale") || "";
    this.#sale.replaceChildren(
      element("option", { value: "" }, t("ops.filter.any-sale")),
      ...sales.map((sale) => element("option", { value: sale.sale_id }, sale.title)),
    );
    this.#choose(this.#sale, chosen);
  }

  #choose(select, value) {
    select.value = [...select.options].some((option) => option.value === value) ? value : select.options[0].value;
  }

  #read() {
    const given = new URLSearchParams(location.search);
    this.#words.value = given.get("q") ?? "";
    this.#choose(this.#status, given.get("status") ?? "");
    this.#choose(this.#sale, given.get("sale") ?? "");
    this.#choose(this.#sort, given.get("sort") ?? "number");
  }

  #apply() {
    clearTimeout(this.#timer);
    const { wanted } = this;
    const pairs = Object.entries(wanted).filter(([name, value]) => value && !(name === "sort" && value === "number"));
    const query = new URLSearchParams(pairs).toString();
    history.replaceState(history.state, "", `${location.pathname}${query ? `?${query}` : ""}${location.hash}`);
    this.#changed();
  }
}
