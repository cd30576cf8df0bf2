// The terms of a lot to be, as fields in words: what was changed of a preset, and where a contradiction belongs.

import { element } from "../shared/element.js";
import {
  amountField,
  checkField,
  choiceField,
  durationField,
  InputError,
  percentField,
  wholeField,
} from "../shared/form_fields.js";
import { t } from "../shared/i18n.js";
import { amountTableField } from "./amount_table_field.js";

const FLOOR = "settlement.cascade.floor_fen";

// every order in which a forfeited deposit may pay, as the field's values
const ORDERS = [
  "cost,gap,commission",
  "cost,commission,gap",
  "gap,cost,commission",
  "gap,commission,cost",
  "commission,cost,gap",
  "commission,gap,cost",
];

const orderWords = (order) =>
  order
    .split(",")
    .map((step) => t(`ops.waterfall.${step}`))
    .join(t("ops.waterfall.then"));

const choices = (prefix, values) => values.map((value) => [value, t(`${prefix}.${value}`)]);

/** Fields of the terms in four groups. `changed` is called after every change by hand. */
export class TermsFields {
  #fields;
  #touched = new Set();
  #groups;
  #changed;
  #terms = null;
  #mistyped = new Set();
  root;

  constructor(changed) {
    this.#changed = changed;
    const noted = (path) => () => this.#note(path);
    this.#fields = this.#make(noted);
    this.#groups = {
      price: ["bidding", "start_price_fen", "increments", "on_grid", "reserve_fen", "cap_fen"],
      guard: ["max_jump.steps", "max_jump.percent", "max_jump.fen", "review_above_fen"],
      end: ["soft_close", "soft_close.window_ms", "soft_close.extension_ms", "soft_close.hard_stop_ms"],
      deposit: ["deposit.policy", "deposit.amount_fen", "deposit.multiplier", "deposit.bands"],
      after: [
        "settlement.payment_window_ms",
        "settlement.grace_ms",
        "settlement.buyer_fee_bps",
        "settlement.seller_commission_bps",
        "settlement.default_liability",
        "settlement.percent_bps",
        "settlement.waterfall",
        "settlement.rest_to",
        "settlement.reauction_cost_fen",
        "settlement.resale_window_ms",
        "settlement.when_exhausted",
        "settlement.cascade.depth",
        "settlement.cascade.price",
        "settlement.cascade.floor_percent",
        "settlement.cascade.floor_fen",
        "settlement.cascade.offer_window_ms",
      ],
    };
    this.root = element(
      "div",
      { class: "term-groups" },
      Object.entries(this.#groups).map(([name, paths]) =>
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

  #make(noted) {
    const id = (path) => `term-${path.replaceAll(".", "-")}`;
    const all = [
      ["bidding", choiceField(id("bidding"), "bidding", choices("terms", ["direct", "proxy"]))],
      ["start_price_fen", amountField(id("start_price_fen"), "start_price_fen", { required: true })],
      [
        "increments",
        amountTableField(
          id("increments"),
          "increments",
          { name: "from_fen", key: "from_fen", required: true, zero: true },
          { name: "step_fen", key: "step_fen", required: true },
          noted("increments"),
        ),
      ],
      ["on_grid", checkField(id("on_grid"), "on_grid")],
      ["reserve_fen", amountField(id("reserve_fen"), "reserve_fen")],
      ["cap_fen", amountField(id("cap_fen"), "cap_fen")],
      ["max_jump.steps", wholeField(id("max_jump.steps"), "jump_steps", { unit: "ops.unit.steps" })],
      ["max_jump.percent", wholeField(id("max_jump.percent"), "jump_percent", { unit: "ops.unit.percent" })],
      ["max_jump.fen", amountField(id("max_jump.fen"), "jump_fen")],
      ["review_above_fen", amountField(id("review_above_fen"), "review_above_fen")],
      ["soft_close", checkField(id("soft_close"), "soft_close")],
      ["soft_close.window_ms", durationField(id("soft_close.window_ms"), "window_ms", { required: true })],
      ["soft_close.extension_ms", durationField(id("soft_close.extension_ms"), "extension_ms", { required: true })],
      ["soft_close.hard_stop_ms", durationField(id("soft_close.hard_stop_ms"), "hard_stop_ms")],
      [
        "deposit.policy",
        choiceField(id("deposit.policy"), "policy", choices("ops.policy", ["none", "flat", "ladder", "purse"])),
      ],
      ["deposit.amount_fen", amountField(id("deposit.amount_fen"), "deposit_fen", { required: true })],
      [
        "deposit.multiplier",
        wholeField(id("deposit.multiplier"), "multiplier", { required: true, unit: "ops.unit.times" }),
      ],
      [
        "deposit.bands",
        amountTableField(
          id("deposit.bands"),
          "bands",
          { name: "band_deposit_fen", key: "deposit_fen", required: true },
          { name: "band_limit_fen", key: "limit_fen" },
          noted("deposit.bands"),
        ),
      ],
      [
        "settlement.payment_window_ms",
        durationField(id("settlement.payment_window_ms"), "payment_window_ms", { required: true }),
      ],
      ["settlement.grace_ms", durationField(id("settlement.grace_ms"), "grace_ms", { required: true })],
      ["settlement.buyer_fee_bps", percentField(id("settlement.buyer_fee_bps"), "buyer_fee_bps", { required: true })],
      [
        "settlement.seller_commission_bps",
        percentField(id("settlement.seller_commission_bps"), "seller_commission_bps", { required: true }),
      ],
      [
        "settlement.default_liability",
        choiceField(
          id("settlement.default_liability"),
          "default_liability",
          choices("terms.liability", ["deposit_only", "shortfall", "percent"]),
        ),
      ],
      ["settlement.percent_bps", percentField(id("settlement.percent_bps"), "percent_bps", { required: true })],
      [
        "settlement.waterfall",
        choiceField(
          id("settlement.waterfall"),
          "waterfall",
          ORDERS.map((order) => [order, orderWords(order)]),
        ),
      ],
      [
        "settlement.rest_to",
        choiceField(id("settlement.rest_to"), "rest_to", choices("ops.rest", ["house", "seller"])),
      ],
      [
        "settlement.reauction_cost_fen",
        amountField(id("settlement.reauction_cost_fen"), "reauction_cost_fen", { required: true, zero: true }),
      ],
      [
        "settlement.resale_window_ms",
        durationField(id("settlement.resale_window_ms"), "resale_window_ms", { required: true }),
      ],
      [
        "settlement.when_exhausted",
        choiceField(id("settlement.when_exhausted"), "when_exhausted", choices("ops.exhausted", ["relist", "unsold"])),
      ],
      [
        "settlement.cascade.depth",
        choiceField(
          id("settlement.cascade.depth"),
          "depth",
          [0, 1, 2, 3].map((n) => [n, t(`ops.depth.${n}`)]),
        ),
      ],
      [
        "settlement.cascade.price",
        choiceField(id("settlement.cascade.price"), "cascade_price", choices("ops.cascade", ["clean", "own_bid"])),
      ],
      [
        "settlement.cascade.floor_percent",
        wholeField(id("settlement.cascade.floor_percent"), "floor_percent", {
          required: true,
          unit: "ops.unit.percent",
        }),
      ],
      [FLOOR, amountField(id(FLOOR), "floor_fen")],
      [
        "settlement.cascade.offer_window_ms",
        durationField(id("settlement.cascade.offer_window_ms"), "offer_window_ms", { required: true }),
      ],
    ];
    return new Map(all);
  }

  #note(path) {
    this.#touched.add(path);
    this.#arrange();
    this.#changed();
  }

  /** Show a preset's terms; nothing counts as changed after it. */
  fill(terms) {
    this.#terms = terms;
    this.#touched.clear();
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
        // what the house found wrong stays until it has looked again
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
    const homeless = [];
    const words = new Map();
    for (const found of contradictions) {
      const path = this.#home(found.field);
      if (!path) homeless.push(found);
      else words.set(path, [...(words.get(path) ?? []), found.words]);
    }
    for (const [path, field] of this.#fields) field.showError((words.get(path) ?? []).join(" "));
    return homeless;
  }

  #home(given) {
    if (given === "max_jump") return "max_jump.steps";
    let path = given.replace(/\[\d+\].*$/, "");
    while (path && !this.#fields.has(path)) path = path.includes(".") ? path.slice(0, path.lastIndexOf(".")) : "";
    return path;
  }

  /** Bring the field of a contradiction into view. */
  focus(given) {
    const field = this.#fields.get(this.#home(given));
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
