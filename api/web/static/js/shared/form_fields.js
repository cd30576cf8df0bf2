// The fields of the staff pages' forms: label and hint, reading into fen and ms, and what is wrong with the input.

import { element } from "./element.js";
import { t } from "./i18n.js";
import { momentsOf, offsetText, ownOffset, wallOf, zoneName } from "./local_time.js";
import { readYuan, yuanShort } from "./money.js";
import { typedText } from "./text_input.js";

const UNITS = [
  ["seconds", 1000],
  ["minutes", 60_000],
  ["hours", 3_600_000],
  ["days", 86_400_000],
];

/** Input that is no value of its field; `words` says what would be. */
export class InputError extends Error {
  constructor(words) {
    super(words);
    this.words = words;
  }
}

/**
 * A labelled control: {root, control, read(), write(value), showError(words)}.
 * `read` gives the value (null: left empty) or throws InputError; `words` are phrases under `ops.field.<name>`.
 */
function framed(id, name, control, { read, write, beside = null, hint = true, label = `ops.field.${name}` }) {
  const wrong = element("span", { class: "wrong", id: `${id}-wrong`, hidden: true });
  const described = [hint ? `${id}-hint` : null, `${id}-wrong`].filter(Boolean).join(" ");
  control.id = id;
  control.setAttribute("aria-describedby", described);
  const root = element(
    "div",
    { class: "field", "data-field": name },
    element("label", { for: id }, t(label)),
    beside ? element("div", { class: "beside" }, control, beside) : control,
    hint ? element("span", { class: "hint", id: `${id}-hint` }, t(`ops.hint.${name}`)) : null,
    wrong,
  );
  return {
    root,
    control,
    read,
    write,
    showError(words) {
      if (wrong.textContent !== words) wrong.textContent = words;
      wrong.hidden = !words;
      control.setAttribute("aria-invalid", words ? "true" : "false");
    },
  };
}

function needed(text, required) {
  if (text) return true;
  if (required) throw new InputError(t("ops.mistyped.empty"));
  return false;
}

/** Yuan; read as fen. `zero`: nothing is an amount here too. */
export function amountField(id, name, { required = false, zero = false, ...more } = {}) {
  const control = element("input", { class: "numbers", inputmode: "decimal", autocomplete: "off" });
  return framed(id, name, control, {
    ...more,
    beside: element("span", { class: "unit", "aria-hidden": "true" }, t("ops.yuan")),
    read() {
      const text = control.value.trim();
      if (!needed(text, required)) return null;
      const { fen, mistake } = readYuan(text, { leastFen: zero ? 0 : 1 });
      if (mistake) throw new InputError(t(`amount.${mistake}`));
      return fen;
    },
    write(fen) {
      control.value = fen === null || fen === undefined ? "" : yuanShort(fen);
    },
  });
}

/** A whole number. */
export function wholeField(id, name, { required = false, unit = null, ...more } = {}) {
  const control = element("input", { class: "numbers", inputmode: "numeric", autocomplete: "off" });
  return framed(id, name, control, {
    ...more,
    beside: unit ? element("span", { class: "unit", "aria-hidden": "true" }, t(unit)) : null,
    read() {
      const text = control.value.trim();
      if (!needed(text, required)) return null;
      if (!/^\d{1,12}$/.test(text)) throw new InputError(t("ops.mistyped.whole"));
      return Number(text);
    },
    write(n) {
      control.value = n ?? "";
    },
  });
}

/** Percent with up to two decimals; read as basis points. */
export function percentField(id, name, { required = false, ...more } = {}) {
  const control = element("input", { class: "numbers", inputmode: "decimal", autocomplete: "off" });
  return framed(id, name, control, {
    ...more,
    beside: element("span", { class: "unit", "aria-hidden": "true" }, "%"),
    read() {
      const text = control.value.trim();
      if (!needed(text, required)) return null;
      const parts = /^(\d{1,4})(?:[.](\d{1,2}))?$/.exec(text);
      if (!parts) throw new InputError(t("ops.mistyped.percent"));
      return Number(parts[1]) * 100 + Number((parts[2] ?? "").padEnd(2, "0"));
    },
    write(bps) {
      control.value = bps === null || bps === undefined ? "" : String(bps / 100);
    },
  });
}

/** A duration: a number and its unit; read as milliseconds. */
export function durationField(id, name, { required = false, ...more } = {}) {
  const control = element("input", { class: "numbers", inputmode: "decimal", autocomplete: "off" });
  const unit = element(
    "select",
    { id: `${id}-unit`, "aria-label": t("ops.unit") },
    UNITS.map(([unitName, ms]) => element("option", { value: ms }, t(`ops.unit.${unitName}`))),
  );
  unit.value = "60000";
  return framed(id, name, control, {
    ...more,
    beside: unit,
    read() {
      const text = control.value.trim();
      if (!needed(text, required)) return null;
      if (!/^\d{1,6}(?:[.]\d{1,3})?$/.test(text)) throw new InputError(t("ops.mistyped.duration"));
      return Math.round(Number(text) * Number(unit.value));
    },
    write(ms) {
      if (ms === null || ms === undefined) {
        control.value = "";
        return;
      }
      const fits = UNITS.filter(([, size]) => ms >= size && ms % size === 0).at(-1) ?? UNITS[0];
      unit.value = String(fits[1]);
      control.value = String(ms / fits[1]);
    },
  });
}

/**
 * A date and time in the visitor's own zone, which stands beside it; read as UTC ms. A time that a change of clocks skips
 * is refused; of one that it repeats it is asked which is meant.
 */
export function momentField(id, name, { required = true, ...more } = {}) {
  const control = element("input", { type: "datetime-local", step: 1 });
  const which = element("select", { id: `${id}-which`, "aria-label": t("ops.moment.which"), hidden: true });
  const zone = element("span", { class: "unit zone", id: `${id}-zone` });
  let choices = [];

  function look() {
    const moments = momentsOf(control.value) ?? [];
    zone.textContent = `${zoneName()}, ${offsetText(ownOffset(moments[0] ?? Date.now()))}`;
    const doubled = moments.length > 1 ? moments : [];
    which.hidden = doubled.length === 0;
    zone.hidden = doubled.length > 0;
    if (doubled.join() === choices.join()) return;
    choices = doubled;
    which.replaceChildren(
      element("option", { value: "" }, t("ops.moment.which")),
      ...choices.map((atMs, nth) =>
        element(
          "option",
          { value: atMs },
          t(nth ? "ops.moment.second" : "ops.moment.first", { offset: offsetText(ownOffset(atMs)) }),
        ),
      ),
    );
  }

  control.addEventListener("input", look);
  look();
  return framed(id, name, control, {
    ...more,
    beside: [zone, which],
    read() {
      if (!needed(control.value, required)) return null;
      look();
      const moments = momentsOf(control.value);
      if (moments === null) throw new InputError(t("ops.mistyped.moment"));
      if (moments.length === 0) throw new InputError(t("ops.mistyped.skipped", { zone: zoneName() }));
      if (moments.length === 1) return moments[0];
      if (!which.value) throw new InputError(t("ops.mistyped.doubled", { zone: zoneName() }));
      return Number(which.value);
    },
    write(atMs) {
      control.value = wallOf(atMs);
      look();
      if (choices.length) which.value = String(Math.floor(atMs / 1000) * 1000);
    },
  });
}

/** A day; read as YYYY-MM-DD. */
export function dateField(id, name, { required = true, ...more } = {}) {
  const control = element("input", { type: "date", min: "2000-01-01" });
  return framed(id, name, control, {
    ...more,
    read: () => (needed(control.value, required) ? control.value : null),
    write(day) {
      control.value = day ?? "";
    },
  });
}

/** One of some words; `choices` are [value, phrase or words]. */
export function choiceField(id, name, choices, more = {}) {
  const control = element(
    "select",
    {},
    choices.map(([value, words]) => element("option", { value }, words)),
  );
  return framed(id, name, control, {
    ...more,
    read: () => control.value,
    write(value) {
      control.value = String(value);
    },
  });
}

/** Yes or no. */
export function checkField(id, name) {
  const control = element("input", { type: "checkbox", id, "aria-describedby": `${id}-hint ${id}-wrong` });
  const wrong = element("span", { class: "wrong", id: `${id}-wrong`, hidden: true });
  const root = element(
    "div",
    { class: "field check", "data-field": name },
    control,
    element("label", { for: id }, t(`ops.field.${name}`)),
    element("span", { class: "hint", id: `${id}-hint` }, t(`ops.hint.${name}`)),
    wrong,
  );
  return {
    root,
    control,
    read: () => control.checked,
    write(on) {
      control.checked = Boolean(on);
    },
    showError(words) {
      wrong.textContent = words;
      wrong.hidden = !words;
    },
  };
}

/** A line of text, or several. */
export function textField(
  id,
  name,
  { lines = 1, least = 1, most = 200, pattern = null, required = true, ...more } = {},
) {
  const attributes = { maxlength: most, autocomplete: "off" };
  const control = lines > 1 ? element("textarea", { ...attributes, rows: lines }) : element("input", attributes);
  return framed(id, name, control, {
    ...more,
    read() {
      const text = typedText(control.value);
      if (!needed(text, required)) return null;
      if (text.length < least) throw new InputError(t("ops.mistyped.short", { n: least }));
      if (pattern && !pattern.test(text)) throw new InputError(t(`ops.mistyped.${name}`));
      return text;
    },
    write(text) {
      control.value = text ?? "";
    },
  });
}

/** Why: 3 to 500 characters, kept in the lot's ledger. */
export const reasonField = (id) => textField(id, "reason", { lines: 3, least: 3, most: 500 });

/** A code of an authenticator app; hidden until the server asks for it. */
export function codeField(id) {
  const field = textField(id, "code", { most: 10 });
  field.control.setAttribute("autocomplete", "one-time-code");
  field.control.setAttribute("inputmode", "numeric");
  field.control.classList.add("numbers");
  field.root.hidden = true;
  return field;
}
