// Which rows of the audit log are shown: by day, person, act, lot and sale; kept in the page's address.

import { element } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { ACTIONS, actionText } from "./action_text.js";

const DAY_MS = 86_400_000;
const TEXTS = ["person", "actor", "lot_id", "sale_id"];
const VISIBLE = /^[!-~]{1,64}$/;
const ID = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** The start of a day in the visitor's zone, UTC ms. */
const startOf = (day) => new Date(`${day}T00:00:00`).getTime();

/** Fill the form; `changed()` is called when somebody asks for other rows. */
export class FilterForm {
  constructor(form, changed) {
    this.inputs = {
      from: element("input", { type: "date" }),
      to: element("input", { type: "date" }),
      action: element("select", {}, element("option", { value: "" }, t("audit.any-action"))),
      ...Object.fromEntries(
        TEXTS.map((name) => [
          name,
          element("input", { type: "text", maxlength: 64, autocomplete: "off", spellcheck: "false" }),
        ]),
      ),
    };
    const options = ACTIONS.map((action) => [action, actionText(action)]);
    options.sort(([, a], [, b]) => a.localeCompare(b));
    for (const [value, words] of options) this.inputs.action.append(element("option", { value }, words));
    for (const name of ["from", "to", "action", ...TEXTS]) form.append(this.field(name));
    form.append(
      element(
        "div",
        { class: "audit-buttons" },
        element("button", { type: "submit", class: "button main", id: "show" }, t("audit.show")),
        element(
          "button",
          { type: "button", class: "button", id: "clear", onclick: () => this.clear(changed) },
          t("audit.clear"),
        ),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.check()) changed();
    });
    this.read();
  }

  field(name) {
    const input = this.inputs[name];
    input.id = `audit-${name}`;
    const wrong = element("span", { class: "wrong", id: `audit-${name}-wrong`, hidden: true });
    input.setAttribute("aria-describedby", wrong.id);
    return element(
      "div",
      { class: "field" },
      element("label", { for: input.id }, t(`audit.field.${name}`)),
      input,
      wrong,
    );
  }

  /** Take what the page's address says. */
  read() {
    const asked = new URLSearchParams(location.search);
    for (const [name, input] of Object.entries(this.inputs)) input.value = asked.get(name) ?? "";
  }

  /** Whether all that was typed can be asked for; says at each field what is wrong. */
  check() {
    const words = {
      person: VISIBLE,
      actor: VISIBLE,
      lot_id: ID,
      sale_id: ID,
    };
    let first = null;
    for (const [name, form] of Object.entries(words)) {
      const input = this.inputs[name];
      const value = input.value.trim();
      const isWrong = value !== "" && !form.test(value);
      const place = input.nextElementSibling;
      place.textContent = isWrong ? t(`audit.wrong.${name}`) : "";
      place.hidden = !isWrong;
      input.setAttribute("aria-invalid", String(isWrong));
      if (isWrong) first ??= input;
    }
    first?.focus();
    return first === null;
  }

  clear(changed) {
    for (const input of Object.values(this.inputs)) input.value = "";
    this.check();
    changed();
  }

  /** What was typed, as the page's address has it. */
  typed() {
    const pairs = Object.entries(this.inputs).map(([name, input]) => [name, input.value.trim()]);
    return new URLSearchParams(pairs.filter(([, value]) => value !== ""));
  }

  /** The parameters of the request. */
  query() {
    const found = this.typed();
    const [from, to] = [found.get("from"), found.get("to")];
    found.delete("from");
    found.delete("to");
    if (from) found.set("from_ms", String(startOf(from)));
    // the next day may be 23 or 25 hours long
    if (to) found.set("until_ms", String(startOf(new Date(startOf(to) + 1.5 * DAY_MS).toLocaleDateString("sv"))));
    return found;
  }
}
