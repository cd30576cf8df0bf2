// A list of lots: the file or what is pasted, what each line would be, what is wrong where, and the creation of all.

import { timeoutSignal, upload } from "../shared/api.js";
import { element, setText } from "../shared/element.js";
import { choiceField, textField } from "../shared/form_fields.js";
import { language, t } from "../shared/i18n.js";
import { zoneName } from "../shared/local_time.js";
import { yuanShort } from "../shared/money.js";
import { contradictionText, formatCount, shortDateTime, staffProblemText } from "../shared/staff_text.js";
import { loadPresets, presetLabel } from "./presets.js";

const ANSWER_MS = 120_000;
const WAIT_MS = 500;

function wrongText(line, cell) {
  const column = cell.column === "terms" ? t("ops.terms") : t(`ops.column.${cell.column}`);
  const detail = cell.contradictions.map(contradictionText).join(" ");
  const what = t(`ops.cell.${cell.error}`, { value: cell.value, detail });
  return t("ops.import.wrong", { line, column, what });
}

function lineItem(one) {
  const times = one.opens_at_ms
    ? t("ops.import.times", { opens: shortDateTime(one.opens_at_ms), ends: shortDateTime(one.closes_at_ms) })
    : t("status.draft");
  const facts = [
    one.preset ? presetLabel(one.preset).name : null,
    one.start_price_fen === null ? null : t("ops.import.start", { price: yuanShort(one.start_price_fen) }),
    one.reserve_fen ? t("ops.import.reserve", { price: yuanShort(one.reserve_fen) }) : null,
    times,
  ];
  return element(
    "li",
    { "data-outcome": one.wrong.length ? "refused" : "done" },
    element("span", { class: "soft numbers" }, `${one.line} `),
    element("strong", {}, one.title || "–"),
    one.wrong.length
      ? one.wrong.map((cell) => element("p", { class: "wrong" }, wrongText(one.line, cell)))
      : element("span", { class: "soft numbers" }, ` ${facts.filter(Boolean).join(" · ")}`),
  );
}

/** The form in `host`. `sales()` gives the sales there are; `created(lines)` is called with the lots that were made. */
export class LotImport {
  #host;
  #sales;
  #created;
  #parts = null;
  #file = null;
  #asked = 0;
  #timer = 0;

  constructor(host, { sales, created }) {
    this.#host = host;
    this.#sales = sales;
    this.#created = created;
  }

  async show() {
    const presets = await loadPresets().catch(() => []);
    this.#file = null;
    const sale = choiceField(
      "import-sale",
      "sale",
      this.#sales().map((one) => [one.sale_id, one.title]),
    );
    const preset = choiceField(
      "import-preset",
      "import_preset",
      presets.map((one) => [one.name, presetLabel(one.name).name]),
    );
    const chosen = new URLSearchParams(location.search).get("sale");
    if (this.#sales().some((one) => one.sale_id === chosen)) sale.write(chosen);
    const file = element("input", { type: "file", id: "import-file", accept: ".csv,.txt,text/csv" });
    const text = textField("import-text", "import_text", { lines: 6, most: 1_000_000, required: false });
    const summary = element("p", { class: "notice", id: "import-summary", role: "status", hidden: true });
    const lines = element("ul", { class: "results", id: "import-lines", tabindex: "0", hidden: true });
    const button = element(
      "button",
      { class: "button main", id: "import-create", disabled: true },
      t("ops.import.create"),
    );
    const template = `/api/v1/ops/lots/import/template.csv?language=${language}`;
    this.#parts = { sale, preset, text, summary, lines, button };
    const form = element(
      "form",
      { class: "card lot-form", id: "import-form", novalidate: true },
      element("h2", { id: "panel-title" }, t("ops.import")),
      element("p", { class: "soft" }, t("ops.import.how", { zone: zoneName() })),
      element(
        "p",
        {},
        element("a", { href: template, download: "lots.csv", id: "import-template" }, t("ops.import.template")),
      ),
      sale.root,
      preset.root,
      element("div", { class: "field" }, element("label", { for: "import-file" }, t("ops.import.file")), file),
      text.root,
      summary,
      lines,
      element("div", { class: "actions" }, button),
    );
    file.addEventListener("change", () => {
      this.#file = file.files[0] ?? null;
      if (this.#file) text.write("");
      this.#check();
    });
    text.control.addEventListener("input", () => {
      this.#file = null;
      file.value = "";
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#check(), WAIT_MS);
    });
    for (const field of [sale, preset]) field.control.addEventListener("change", () => this.#check());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!button.disabled) this.#create();
    });
    this.#host.replaceChildren(element("a", { class: "back", href: "#" }, t("ops.back")), form);
    this.#host.focus({ preventScroll: true });
    if (!this.#sales().length) this.#tell("bad", t("ops.no-sale"));
  }

  #send(create) {
    const { sale, preset, text } = this.#parts;
    const query = new URLSearchParams({ sale_id: sale.read(), zone: zoneName(), create });
    if (preset.read()) query.set("preset", preset.read());
    const list = this.#file ?? new Blob([text.control.value], { type: "text/csv" });
    return upload(`/ops/lots/import?${query}`, list, { signal: timeoutSignal(ANSWER_MS) });
  }

  get #isEmpty() {
    return !this.#file && !this.#parts.text.control.value.trim();
  }

  /** Ask what the list would make; an answer that was overtaken is left out. */
  async #check() {
    this.#asked += 1;
    const asked = this.#asked;
    this.#parts.button.disabled = true;
    if (this.#isEmpty || !this.#sales().length) {
      this.#parts.summary.hidden = true;
      this.#parts.lines.hidden = true;
      return;
    }
    try {
      const found = await this.#send(false);
      if (asked === this.#asked) this.#preview(found);
    } catch (problem) {
      if (asked === this.#asked) this.#refused(problem);
    }
  }

  #preview(found) {
    const { button, lines } = this.#parts;
    const count = found.lines.length;
    const facts = { n: formatCount(count), wrong: formatCount(found.wrong_lines) };
    if (found.known) this.#tell("warn", t("ops.import.known", facts));
    else if (found.wrong_lines) this.#tell("bad", t("ops.import.some-wrong", facts));
    else this.#tell("good", t("ops.import.sound", facts));
    const sorted = [...found.lines].sort((a, b) => Boolean(b.wrong.length) - Boolean(a.wrong.length));
    lines.replaceChildren(...(found.known ? [] : sorted.map(lineItem)));
    lines.hidden = found.known;
    button.disabled = found.wrong_lines > 0;
    setText(button, found.wrong_lines ? t("ops.import.create") : t("ops.import.create-n", facts));
  }

  #refused(problem) {
    this.#parts.lines.hidden = true;
    this.#tell("bad", staffProblemText(problem));
  }

  #tell(tone, words) {
    const { summary } = this.#parts;
    summary.className = `notice ${tone}`;
    summary.hidden = false;
    setText(summary, words);
  }

  async #create() {
    const { button } = this.#parts;
    button.disabled = true;
    setText(button, t("ops.doing"));
    try {
      const found = await this.#send(true);
      this.#created(found.lines);
    } catch (problem) {
      // another clerk, or a request whose answer was lost, may have been faster: look again
      this.#refused(problem);
      if (problem.code === "lot-list-invalid" || problem.code === "titles-exist") await this.#check();
      else button.disabled = false;
      setText(button, t("ops.import.create"));
    }
  }
}
