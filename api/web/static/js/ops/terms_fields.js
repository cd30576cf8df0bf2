// The terms of a lot to be, as fields in words: what was changed of a preset, and where a contradiction belongs.

import { element } from "../shared/element.js";
import { InputError } from "../shared/form_fields.js";
import { t } from "../shared/i18n.js";
import { FIELD_GROUPS, FLOOR, termsFieldList } from "./terms_field_list.js";

/** Fields of the terms in four groups. `changed` is called after every change by hand. */
export class TermsFields {
  #fields;
  #touched = new Set();
  #changed;
  #terms = null;
  #mistyped = new Set();
  root;

  constructor(changed) {
    this.#changed = changed;
    const noted = (path) => () => this.#note(path);
    this.#fields = termsFieldList(noted);
    this.root = element(
      "div",
      { class: "term-groups" },
      Object.entries(FIELD_GROUPS).map(([name, paths]) =>
        element(
          "fieldset",
          { class: "group" },
          element("legend", {}, t(`ops.group.${name}`)),
          element("p", { class: "soft" }, t(`ops.group.${name}-hint`)),
          element(
            "div",
            { class: "grid" },
            paths.map((path) => this.#fields.get(path).root),
          ),
        ),
      ),
    );
    for (const [path, field] of this.#fields) field.root.addEventListener("input", noted(path));
  }

  #note(path) {
    this.#touched.add(path);
    this.#arrange();
    this.#changed();
  }

  /** Show terms, a preset's or, where they are a lot's `own`, a draft's; nothing counts as changed after it. */
  fill(terms, { own = false } = {}) {
    this.#terms = terms;
    this.#touched.clear();
    // those of a preset follow the list price
    if (own) this.#touched.add(FLOOR).add("review_above_fen");
    this.#write(terms);
  }

  /** Show what follows from the list price, where it was not changed by hand. */
  follow(terms) {
    if (!this.#touched.has("review_above_fen")) this.#fields.get("review_above_fen").write(terms.review_above_fen);
    if (!this.#touched.has(FLOOR)) this.#fields.get(FLOOR).write(terms.settlement.cascade.floor_fen);
  }

  #write(terms) {
    const soft = terms.soft_close;
    const { deposit, settlement } = terms;
    const values = {
      ...terms,
      "max_jump.steps": terms.max_jump?.steps,
      "max_jump.percent": terms.max_jump?.percent,
      "max_jump.fen": terms.max_jump?.fen,
      soft_close: Boolean(soft),
      "soft_close.window_ms": soft?.window_ms ?? 300_000,
      "soft_close.extension_ms": soft?.extension_ms ?? 300_000,
      "soft_close.hard_stop_ms": soft?.hard_stop_ms,
      "deposit.policy": deposit.policy,
      "deposit.amount_fen": deposit.amount_fen ?? 10_000,
      "deposit.multiplier": deposit.multiplier ?? 10,
      "deposit.bands": deposit.bands ?? [{ deposit_fen: 10_000, limit_fen: 1_000_000 }],
    };
    for (const [name, value] of Object.entries(settlement)) values[`settlement.${name}`] = value;
    for (const [name, value] of Object.entries(settlement.cascade)) values[`settlement.cascade.${name}`] = value;
    for (const [path, field] of this.#fields) field.write(values[path] ?? null);
    this.#arrange();
  }

  /** Hide what does not apply. */
  #arrange() {
    const show = (path, on) => {
      this.#fields.get(path).root.hidden = !on;
    };
    const soft = this.#fields.get("soft_close").read();
    for (const name of ["window_ms", "extension_ms", "hard_stop_ms"]) show(`soft_close.${name}`, soft);
    const policy = this.#fields.get("deposit.policy").read();
    show("deposit.amount_fen", policy === "flat" || policy === "purse");
    show("deposit.multiplier", policy === "purse");
    show("deposit.bands", policy === "ladder");
    show("settlement.percent_bps", this.#fields.get("settlement.default_liability").read() === "percent");
    const cascade = this.#fields.get("settlement.cascade.depth").read() !== "0";
    for (const name of ["price", "floor_percent", "floor_fen", "offer_window_ms"])
      show(`settlement.cascade.${name}`, cascade);
  }

  /** What was changed, as `terms` to lay over the preset; null where something typed is no value (said beside it). */
  read() {
    const value = {};
    let sound = true;
    for (const [path, field] of this.#fields) {
      if (field.root.hidden) {
        this.#mistyped.delete(path);
        field.showError("");
        continue;
      }
      try {
        value[path] = field.read();
        // what the server found wrong stays until it has checked again
        if (this.#mistyped.delete(path)) field.showError("");
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        this.#mistyped.add(path);
        field.showError(error.words);
        sound = false;
      }
    }
    return sound ? this.#changedOf(value) : null;
  }

  #changedOf(value) {
    const whole = {
      max_jump: jumpOf(value),
      soft_close: value.soft_close ? under(value, "soft_close.") : null,
      deposit: depositOf(value),
      settlement: this.#settlementOf(value),
    };
    const terms = {};
    for (const path of this.#touched) {
      const name = path.split(".")[0];
      terms[name] = name in whole ? whole[name] : value[name];
    }
    return terms;
  }

  #settlementOf(value) {
    const settlement = { percent_bps: null, ...under(value, "settlement.") };
    for (const name of Object.keys(settlement)) if (name.startsWith("cascade.")) delete settlement[name];
    settlement.cascade = { ...this.#terms.settlement.cascade, ...under(value, "settlement.cascade.") };
    settlement.cascade.depth = Number(settlement.cascade.depth);
    settlement.waterfall = settlement.waterfall.split(",");
    // left to the preset, so that it follows the list price
    if (!this.#touched.has(FLOOR)) delete settlement.cascade.floor_fen;
    return settlement;
  }

  /** Put each contradiction beside the field it is best mended in; those that have none there are given back. */
  showError(contradictions) {
    const unplaced = [];
    const words = new Map();
    for (const found of contradictions) {
      const path = this.#fieldPath(found.field);
      if (path) words.set(path, [...(words.get(path) ?? []), found.words]);
      else unplaced.push(found);
    }
    for (const [path, field] of this.#fields) field.showError((words.get(path) ?? []).join(" "));
    return unplaced;
  }

  #fieldPath(given) {
    if (given === "max_jump") return "max_jump.steps";
    let path = given.replace(/\[\d+\].*$/, "");
    while (path && !this.#fields.has(path)) path = path.includes(".") ? path.slice(0, path.lastIndexOf(".")) : "";
    return path;
  }

  /** Bring the field of a contradiction into view. */
  focus(given) {
    const field = this.#fields.get(this.#fieldPath(given));
    const control = field?.control ?? field?.root.querySelector("input");
    control?.focus();
  }
}

function under(value, prefix) {
  const found = {};
  for (const [path, one] of Object.entries(value)) if (path.startsWith(prefix)) found[path.slice(prefix.length)] = one;
  return found;
}

function jumpOf(value) {
  const jump = under(value, "max_jump.");
  const given = Object.entries(jump).filter(([, one]) => one !== null);
  return given.length ? Object.fromEntries(given) : null;
}

function depositOf(value) {
  const policy = value["deposit.policy"];
  if (policy === "flat") return { policy, amount_fen: value["deposit.amount_fen"] };
  if (policy === "purse")
    return { policy, multiplier: value["deposit.multiplier"], amount_fen: value["deposit.amount_fen"] };
  if (policy === "ladder") return { policy, bands: value["deposit.bands"] };
  return { policy: "none" };
}
