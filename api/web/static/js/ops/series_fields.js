// The part of the form for a new lot that makes a series of it: how many lots, their numbers, and when they open.

import { element } from "../shared/element.js";
import { checkField, durationField, InputError, momentField, wholeField } from "../shared/form_fields.js";
import { t } from "../shared/i18n.js";

export const NUMBER_PLACE = "{number}";
const MINUTE_MS = 60_000;

export class SeriesFields {
  /** Whether the last reading found something wrong, and said so beside it. */
  isWrong = false;
  #on = checkField("lot-series", "series");
  #timed = checkField("series-timed", "series_timed");
  #numbers = {
    count: wholeField("series-count", "series_count", { required: true }),
    first_number: wholeField("series-first", "series_first", { required: true }),
  };
  #times = {
    opens_at_ms: momentField("series-opens", "series_opens"),
    duration_ms: durationField("series-duration", "series_duration", { required: true }),
    every_ms: durationField("series-every", "series_every", { required: true }),
  };

  constructor() {
    this.#numbers.count.write(10);
    this.#numbers.first_number.write(1);
    this.#times.opens_at_ms.write(Math.ceil((Date.now() + 60 * MINUTE_MS) / (5 * MINUTE_MS)) * 5 * MINUTE_MS);
    this.#times.duration_ms.write(10 * MINUTE_MS);
    this.#times.every_ms.write(10 * MINUTE_MS);
    const roots = (fields) => Object.values(fields).map((field) => field.root);
    this.root = element(
      "fieldset",
      { class: "group" },
      element("legend", {}, t("ops.group.series")),
      element(
        "div",
        { class: "grid" },
        this.#on.root,
        ...roots(this.#numbers),
        this.#timed.root,
        ...roots(this.#times),
      ),
    );
    this.root.addEventListener("change", () => this.#arrange());
    this.#arrange();
  }

  #arrange() {
    for (const field of [...Object.values(this.#numbers), this.#timed]) field.root.hidden = !this.#on.read();
    for (const field of Object.values(this.#times)) field.root.hidden = !this.#on.read() || !this.#timed.read();
  }

  /** Whether a series is wanted. */
  get isOn() {
    return this.#on.read();
  }

  /** What a series adds to the request; null: one lot is wanted. Throws InputError once what is wrong is said. */
  read() {
    this.isWrong = true;
    const found = this.#on.read() ? this.#readSeries() : null;
    this.isWrong = false;
    return found;
  }

  #readSeries() {
    const numbers = readAll(this.#numbers);
    const times = this.#timed.read() ? { times: readAll(this.#times) } : {};
    return { ...numbers, ...times };
  }
}

function readAll(fields) {
  const values = {};
  for (const [name, field] of Object.entries(fields)) {
    try {
      values[name] = field.read();
      field.showError("");
    } catch (error) {
      if (error instanceof InputError) {
        field.showError(error.words);
        field.control.focus();
      }
      throw error;
    }
  }
  return values;
}
