// The form for a new lot, or for a draft that is edited: every term in words, checked by the server as it is filled in.

import { post, put } from "../shared/api.js";
import { element } from "../shared/element.js";
import { amountField, choiceField, InputError, textField } from "../shared/form_fields.js";
import { t } from "../shared/i18n.js";
import { contradictionText, staffProblemText } from "../shared/staff_text.js";
import { showTerms } from "../shared/terms_text.js";
import { loadPresets, presetLabel, presetOf } from "./presets.js";
import { NUMBER_PLACE, SeriesFields } from "./series_fields.js";
import { TermsFields } from "./terms_fields.js";

const WAIT_MS = 300;

/**
 * The form in `host`. `sales` gives [{sale_id, title}], `created` is called with the new lot, `seriesCreated` with the
 * [{lot_id, title}] of a series, `edited` with a draft that was changed, `newSale` opens the dialog for a sale.
 */
export class LotForm {
  #host;
  #sales;
  #created;
  #edited;
  #seriesCreated;
  #newSale;
  /** The draft that is edited; null: a new lot. */
  #draft = null;
  #fields = null;
  #series = null;
  #asked = 0;
  #waiting = null;
  #sound = false;
  #busy = false;

  constructor(host, { sales, created, seriesCreated, edited, newSale }) {
    this.#host = host;
    this.#sales = sales;
    this.#created = created;
    this.#edited = edited;
    this.#seriesCreated = seriesCreated;
    this.#newSale = newSale;
  }

  /** Show the form, empty; for a sale where one is given, or with a draft in it. */
  async show(saleId = null, draft = null) {
    this.#draft = draft;
    const back = element("a", { class: "back", href: "#" }, t("ops.back"));
    this.#host.replaceChildren(
      back,
      element("h2", { id: "panel-title" }, draft ? t("ops.edit-lot", { title: draft.title }) : t("ops.new-lot")),
      element("p", { class: "soft" }, t("ops.loading")),
    );
    if (this.#sales().length === 0) {
      this.#host.lastElementChild.replaceWith(this.#saleFirst());
      return;
    }
    let presets;
    try {
      presets = await loadPresets();
    } catch (problem) {
      const again = element(
        "button",
        { class: "button", type: "button", onclick: () => this.show(saleId, draft) },
        t("try-again"),
      );
      this.#host.lastElementChild.replaceWith(
        element("p", { class: "notice bad", role: "alert" }, staffProblemText(problem), " ", again),
      );
      return;
    }
    this.#host.lastElementChild.replaceWith(this.#build(saleId, presets));
    if (draft) this.#showDraft(draft);
    else this.#choosePreset();
    this.#fields.title.control.focus({ preventScroll: true });
  }

  #saleFirst() {
    const make = element(
      "button",
      { class: "button main", type: "button", onclick: () => this.#newSale() },
      t("ops.new-sale"),
    );
    return element("div", { class: "empty card" }, element("p", {}, t("ops.no-sale")), make);
  }

  #build(saleId, presets) {
    const sales = this.#sales().map((sale) => [sale.sale_id, `${sale.title} (${sale.sale_id})`]);
    const choices = presets.map(({ name }) => [name, presetLabel(name).name]);
    this.#fields = {
      sale: choiceField("lot-sale", "sale", sales),
      title: textField("lot-title", "title"),
      list: amountField("lot-list-price", "list_price_fen"),
      preset: choiceField("lot-preset", "preset", choices),
      terms: new TermsFields(() => this.#changed()),
    };
    if (saleId) this.#fields.sale.write(saleId);
    this.#fields.preset.control.addEventListener("change", () => this.#choosePreset());
    this.#fields.list.control.addEventListener("input", () => this.#changed());
    this.#fields.title.control.addEventListener("input", () => this.#fields.title.showError(""));
    this.#series = this.#draft ? null : new SeriesFields();
    this.verdict = element("div", { class: "verdict", id: "verdict", role: "status" });
    this.preview = element("dl", { class: "terms numbers", id: "preview" });
    this.button = element(
      "button",
      { class: "button main", id: "create-lot" },
      t(this.#draft ? "ops.save-lot" : "ops.create-lot"),
    );
    this.#series?.root.addEventListener("change", () => {
      this.button.textContent = t(this.#series.isOn ? "ops.create-series" : "ops.create-lot");
    });
    this.wrong = element("p", { class: "notice bad", id: "lot-wrong", role: "alert", hidden: true });
    this.about = element("p", { class: "soft about", id: "preset-about" });
    const form = element(
      "form",
      { class: "lot-form", id: "lot-form", novalidate: true },
      element(
        "fieldset",
        { class: "group" },
        element("legend", {}, t("ops.group.lot")),
        element(
          "div",
          { class: "grid" },
          this.#fields.sale.root,
          this.#fields.title.root,
          this.#fields.list.root,
          this.#fields.preset.root,
        ),
        this.about,
      ),
      this.#series?.root,
      this.#fields.terms.root,
      element(
        "section",
        { class: "group" },
        element("h3", {}, t("ops.preview")),
        element("p", { class: "soft" }, t("ops.preview-hint")),
        this.preview,
      ),
      element("div", { class: "verdict-bar" }, this.verdict, this.wrong, this.button),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#create();
    });
    return form;
  }

  /** What was entered of a draft; its sale and preset stay. */
  #showDraft(draft) {
    this.#fields.sale.write(draft.sale_id);
    this.#fields.title.write(draft.title);
    this.#fields.list.write(draft.list_price_fen);
    if (draft.preset) this.#fields.preset.write(draft.preset);
    this.#fields.sale.control.disabled = true;
    this.#fields.preset.root.hidden = true;
    this.#fields.terms.fill(draft.terms, { own: true });
    this.#check();
  }

  #choosePreset() {
    const name = this.#fields.preset.read();
    this.about.textContent = presetLabel(name).description;
    this.#fields.terms.fill(presetOf(name).terms);
    this.#check();
  }

  #changed() {
    this.#sound = false;
    this.verdict.dataset.sound = "asking";
    this.#enable();
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => this.#check(), WAIT_MS);
  }

  /** What would be sent; null where something typed is no value. */
  #body() {
    const terms = this.#fields.terms.read();
    let list = null;
    try {
      list = this.#fields.list.read();
      this.#fields.list.showError("");
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      this.#fields.list.showError(error.words);
      return null;
    }
    if (!terms) return null;
    if (this.#draft) return { list_price_fen: list, terms: { ...this.#draft.terms, ...terms } };
    return { preset: this.#fields.preset.read(), list_price_fen: list, terms };
  }

  async #check() {
    clearTimeout(this.#waiting);
    this.#asked += 1;
    const mine = this.#asked;
    const body = this.#body();
    this.#sound = false;
    this.#enable();
    if (!body) {
      this.#showVerdict("bad", t("ops.mistyped.some"));
      return;
    }
    let answer;
    try {
      answer = await post("/ops/terms/check", body);
    } catch (problem) {
      if (mine !== this.#asked) return;
      this.#showVerdict("warn", staffProblemText(problem));
      this.#waiting = setTimeout(() => this.#check(), 2000);
      return;
    }
    // a newer question is under way: this answer is about what was
    if (mine !== this.#asked || !this.#host.contains(this.verdict)) return;
    const found = answer.contradictions.map((one) => ({ ...one, words: contradictionText(one) }));
    this.#fields.terms.showError(found);
    this.#sound = found.length === 0;
    if (this.#sound) {
      this.#fields.terms.follow(answer.terms);
      showTerms(this.preview, { terms: answer.terms });
      this.#showVerdict("good", t("ops.sound"));
    } else {
      this.#showVerdict("bad", t("ops.contradictions", { n: found.length }), found);
    }
    this.#enable();
  }

  #showVerdict(tone, words, found = []) {
    const list = found.map((one) =>
      element(
        "li",
        {},
        element(
          "button",
          { class: "link", type: "button", onclick: () => this.#fields.terms.focus(one.field) },
          one.words,
        ),
      ),
    );
    this.verdict.className = `verdict notice ${tone}`;
    this.verdict.replaceChildren(element("strong", {}, words), ...(list.length ? [element("ul", {}, list)] : []));
    this.verdict.dataset.sound = tone === "good" ? "yes" : "no";
  }

  #enable() {
    this.button.disabled = this.#busy || !this.#sound;
  }

  /** What is sent: the terms, the title, and what makes a series of it; null where something typed is no value. */
  #request() {
    let series = null;
    try {
      series = this.#series?.read() ?? null;
      const title = this.#fields.title.read();
      if (title === null) throw new InputError(t("ops.mistyped.empty"));
      if (series && !title.includes(NUMBER_PLACE)) throw new InputError(t("ops.mistyped.number-place"));
      return { series, body: { ...this.#body(), title } };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      // a series says beside its own fields what is wrong with them
      if (this.#series?.isWrong) return null;
      this.#fields.title.showError(error.words);
      this.#fields.title.control.focus();
      return null;
    }
  }

  async #create() {
    if (this.#busy || !this.#sound) return;
    const request = this.#request();
    if (!request) return;
    this.#busy = true;
    this.#enable();
    this.wrong.hidden = true;
    try {
      await this.#send(request);
    } catch (problem) {
      this.wrong.textContent = staffProblemText(problem);
      this.wrong.hidden = false;
    } finally {
      this.#busy = false;
      this.#enable();
    }
  }

  async #send({ series, body }) {
    if (this.#draft) {
      this.#edited(await put(`/ops/lots/${encodeURIComponent(this.#draft.lot_id)}`, body));
      return;
    }
    if (body.list_price_fen === null) delete body.list_price_fen;
    const lot = { ...body, sale_id: this.#fields.sale.read() };
    if (series) await this.#seriesCreated((await post("/ops/lots/series", { ...lot, ...series })).lots);
    else this.#created(await post("/ops/lots", lot));
  }
}
