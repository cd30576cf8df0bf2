// A bank's statement: the file, whose columns it has, its lines beside the awards they may pay, and the booking.

import { get, needsCode, put, timeoutSignal, upload } from "../shared/api.js";
import { element, setText } from "../shared/element.js";
import { codeField } from "../shared/form_fields.js";
import { hasText, t } from "../shared/i18n.js";
import { yuan } from "../shared/money.js";
import { staffProblemText } from "../shared/staff_text.js";
import { proposalText } from "./bank_rows.js";
import { addNames } from "./settlement_text.js";

const ANSWER_MS = 120_000;
const FIELDS = ["bank_reference", "amount", "value_date", "payer_name", "payer_account", "remittance"];
const TONES = { new: "info", booked: "good", waiting: "warn", known: "", invalid: "bad", refused: "bad" };
const CUSTOM = "";

const mappingWords = (one) => (hasText(`bank.mapping.${one.name}`) ? t(`bank.mapping.${one.name}`) : one.name);

/** One line of the statement: what the bank says, and beside it what it will pay. */
function lineItem(one) {
  const badge = element("span", { class: "badge", "data-tone": TONES[one.status] }, t(`bank.line.${one.status}`));
  const number = element("span", { class: "soft numbers" }, t("bank.line-number", { n: one.line }));
  if (one.error) {
    const words = t(`bank.wrong.${one.error}`, { value: one.value || t("bank.nothing") });
    return element(
      "li",
      { class: "statement-line", "data-status": one.status },
      element("span", { class: "head" }, number, badge),
      element("p", { class: "wrong" }, words),
    );
  }
  const told = [one.value_date, one.bank_reference, one.payer_account].filter(Boolean).join(" · ");
  const beside = one.proposal
    ? proposalText(one.proposal)
    : t(
        one.status === "refused"
          ? "bank.line.refused-why"
          : one.matched_fen
            ? "bank.line.matched"
            : "bank.line.no-award",
        {
          amount: yuan(one.matched_fen ?? 0),
        },
      );
  return element(
    "li",
    { class: "statement-line", "data-status": one.status },
    element(
      "div",
      { class: "said" },
      element(
        "span",
        { class: "head" },
        number,
        element("span", { class: "who" }, one.payer_name),
        element("span", { class: "amount numbers" }, `¥${yuan(one.amount_fen)}`),
      ),
      element("p", { class: "soft numbers" }, told),
      one.remittance ? element("p", { class: "remittance" }, one.remittance) : null,
    ),
    element("div", { class: "pays", "data-by": one.proposal?.by ?? "" }, badge, element("p", {}, beside)),
  );
}

/** The card of the import; `changed()` is called once something was booked. */
export class StatementImport {
  #announce;
  #changed;
  #mappings = [];
  #parts;
  #file = null;
  #busy = false;

  constructor({ announce, changed }) {
    this.#announce = announce;
    this.#changed = changed;
    this.#parts = this.#build();
  }

  get root() {
    return this.#parts.root;
  }

  /** Ask which mappings there are. */
  async open() {
    const { mappings } = await get("/ops/statement-mappings", { signal: timeoutSignal(ANSWER_MS) });
    this.#mappings = mappings;
    const { mapping } = this.#parts;
    const before = mapping.value;
    mapping.replaceChildren(
      ...mappings.map((one) => element("option", { value: one.name }, mappingWords(one))),
      element("option", { value: CUSTOM }, t("bank.mapping.custom")),
    );
    mapping.value = mappings.some((one) => one.name === before) ? before : "generic";
    this.#showColumns();
  }

  #build() {
    const file = element("input", {
      type: "file",
      id: "statement-file",
      accept: ".csv,.txt,.sta,.940,.mt940,text/csv",
    });
    const mapping = element(
      "select",
      { id: "statement-mapping" },
      element("option", { value: "generic" }, t("bank.mapping.generic")),
    );
    const columns = Object.fromEntries(
      FIELDS.map((name) => [name, element("input", { id: `column-${name}`, autocomplete: "off" })]),
    );
    const name = element("input", { id: "mapping-name", maxlength: 100, autocomplete: "off" });
    const save = element("button", { class: "button", type: "button", id: "mapping-save" }, t("bank.mapping.save"));
    const editor = element(
      "fieldset",
      { class: "mapping", hidden: true },
      element("legend", {}, t("bank.mapping.legend")),
      element("p", { class: "soft" }, t("bank.mapping.hint")),
      ...FIELDS.map((one) =>
        element(
          "div",
          { class: "field" },
          element("label", { for: `column-${one}` }, t(`bank.field.${one}`)),
          columns[one],
        ),
      ),
      element("div", { class: "field" }, element("label", { for: "mapping-name" }, t("bank.mapping.name")), name),
      element("div", { class: "actions" }, save),
    );
    const outcome = element("p", { class: "notice", role: "status", hidden: true });
    const lines = element("ol", { class: "statement-lines", id: "statement-lines" });
    const book = element("button", { class: "button main", type: "button", id: "statement-book", hidden: true });
    const code = codeField("statement-code");
    const root = element(
      "section",
      { class: "card statement", "aria-labelledby": "statement-title" },
      element("h2", { id: "statement-title" }, t("bank.statement")),
      element("p", { class: "soft" }, t("bank.statement-how")),
      element(
        "div",
        { class: "choose" },
        element("div", { class: "field" }, element("label", { for: "statement-file" }, t("bank.file")), file),
        element("div", { class: "field" }, element("label", { for: "statement-mapping" }, t("bank.mapping")), mapping),
      ),
      editor,
      outcome,
      lines,
      code.root,
      book,
    );
    file.addEventListener("change", () => {
      this.#file = file.files[0] ?? null;
      this.#send(false);
    });
    mapping.addEventListener("change", () => {
      this.#showColumns();
      if (mapping.value !== CUSTOM) this.#send(false);
    });
    save.addEventListener("click", () => this.#save());
    book.addEventListener("click", () => this.#send(true));
    return { root, mapping, columns, name, editor, outcome, lines, book, code };
  }

  #showColumns() {
    const { mapping, editor, columns } = this.#parts;
    editor.hidden = mapping.value !== CUSTOM;
    const base = this.#mappings.find((one) => one.name === "generic");
    if (editor.hidden || !base || columns.amount.value) return;
    for (const name of FIELDS) columns[name].value = base.columns[name].slice(0, 3).join(", ");
  }

  #tell(tone, words) {
    const { outcome } = this.#parts;
    outcome.hidden = !words;
    outcome.className = `notice ${tone}`.trim();
    setText(outcome, words);
  }

  async #save() {
    const { mapping, columns, name } = this.#parts;
    const chosen = name.value.trim();
    if (!chosen) {
      this.#tell("bad", t("bank.mapping.needs-name"));
      name.focus();
      return;
    }
    const body = Object.fromEntries(
      FIELDS.map((one) => [
        one,
        columns[one].value
          .split(/[,，;；]/)
          .map((word) => word.trim())
          .filter(Boolean),
      ]),
    );
    try {
      await put(`/ops/statement-mappings/${encodeURIComponent(chosen)}`, body, { signal: timeoutSignal(ANSWER_MS) });
      await this.open();
      mapping.value = chosen;
      this.#showColumns();
      this.#tell("good", t("bank.mapping.saved", { name: chosen }));
      if (this.#file) await this.#send(false);
    } catch (problem) {
      this.#tell("bad", staffProblemText(problem));
    }
  }

  /** Preview the file, or book it. */
  async #send(book) {
    if (this.#busy || !this.#file || this.#parts.mapping.value === CUSTOM) return;
    const { mapping, lines, book: button, code } = this.#parts;
    this.#busy = true;
    button.disabled = true;
    const query = new URLSearchParams({ mapping: mapping.value, source: this.#file.name.slice(0, 100), book });
    try {
      const found = await upload(`/ops/statements?${query}`, this.#file, {
        signal: timeoutSignal(ANSWER_MS),
        code: code.control.value.trim(),
      });
      code.root.hidden = true;
      addNames(found.names);
      lines.replaceChildren(...found.lines.map(lineItem));
      const count = (...names) => found.lines.filter((one) => names.includes(one.status)).length;
      const facts = {
        fresh: count("new", "waiting"),
        booked: count("booked"),
        waiting: count("waiting"),
        known: count("known"),
        wrong: count("invalid", "refused"),
        outgoing: found.outgoing,
      };
      const words = t(book ? "bank.statement-booked" : "bank.statement-read", facts);
      this.#tell(facts.wrong || (book && facts.waiting) ? "warn" : "good", words);
      this.#announce(words);
      button.hidden = book || facts.fresh === 0;
      setText(button, t("bank.statement-book", { n: facts.fresh }));
      if (book) this.#changed();
    } catch (problem) {
      code.write("");
      code.root.hidden = !needsCode(problem);
      if (code.root.hidden) {
        lines.replaceChildren();
        button.hidden = true;
      } else {
        code.control.focus();
      }
      this.#tell("bad", problem.status ? staffProblemText(problem) : t("bank.no-answer"));
    } finally {
      this.#busy = false;
      button.disabled = false;
    }
  }
}
