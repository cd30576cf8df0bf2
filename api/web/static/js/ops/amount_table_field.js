// Rows of two amounts that rise together: an increment table, or a deposit ladder.

import { element } from "../shared/element.js";
import { amountField, InputError } from "../shared/form_fields.js";
import { t } from "../shared/i18n.js";

const ROWS_MAX = 64;

/**
 * A group of rows: {root, read(), write(rows), showError(words)}. `left` and `right` are {name, key, required, zero};
 * the keys are those of the terms.
 */
export function amountTableField(id, name, left, right, changed) {
  const body = element("div", {
    class: "bands",
    role: "group",
    "aria-labelledby": `${id}-label`,
    "aria-describedby": `${id}-hint ${id}-wrong`,
  });
  const wrong = element("span", { class: "wrong", id: `${id}-wrong`, hidden: true });
  const add = element("button", { class: "button small", type: "button", id: `${id}-add` }, t("ops.add-row"));
  let rows = [];
  let made = 0;

  function row(values = {}) {
    made += 1;
    const cells = [left, right].map((side) => {
      const cell = amountField(`${id}-${made}-${side.key}`, side.name, {
        required: side.required,
        zero: side.zero,
        hint: false,
      });
      cell.write(values[side.key] ?? null);
      return cell;
    });
    const drop = element(
      "button",
      { class: "button small drop", type: "button", "aria-label": t("ops.drop-row") },
      "×",
    );
    const one = {
      cells,
      root: element(
        "div",
        { class: "band" },
        cells.map((cell) => cell.root),
        drop,
      ),
    };
    drop.addEventListener("click", () => {
      if (rows.length === 1) return;
      rows = rows.filter((other) => other !== one);
      one.root.remove();
      limit();
      rows.at(-1).cells[0].control.focus();
      changed();
    });
    return one;
  }

  function limit() {
    add.disabled = rows.length >= ROWS_MAX;
    for (const one of rows) one.root.querySelector(".drop").disabled = rows.length === 1;
  }

  add.addEventListener("click", () => {
    const one = row();
    rows.push(one);
    body.append(one.root);
    limit();
    one.cells[0].control.focus();
    changed();
  });

  return {
    root: element(
      "div",
      { class: "field wide", "data-field": name },
      element("span", { class: "label", id: `${id}-label` }, t(`ops.field.${name}`)),
      element("span", { class: "hint", id: `${id}-hint` }, t(`ops.hint.${name}`)),
      body,
      wrong,
      add,
    ),
    read() {
      let mistake = null;
      const found = rows.map((one) => {
        const value = {};
        [left, right].forEach((side, index) => {
          const cell = one.cells[index];
          try {
            value[side.key] = cell.read();
            cell.showError("");
          } catch (error) {
            if (!(error instanceof InputError)) throw error;
            cell.showError(error.words);
            mistake = error;
          }
        });
        return value;
      });
      if (mistake) throw new InputError(t("ops.mistyped.rows"));
      return found;
    },
    write(values) {
      rows = values.map(row);
      body.replaceChildren(...rows.map((one) => one.root));
      limit();
    },
    showError(words) {
      wrong.textContent = words;
      wrong.hidden = !words;
    },
  };
}
