// The dialog before an action that matters: the consequence in a sentence that stays true while it is read, and one request only.

import { needsCode, newKey, post, put } from "./api.js";
import { byId, element } from "./element.js";
import { codeField, InputError } from "./form_fields.js";
import { t } from "./i18n.js";
import { problemText } from "./problems.js";

const EVERY_MS = 200;

/** What the fields hold: {values, sound}; says beside each what is wrong with it where `complaining`. */
function valuesOf(fields, complaining) {
  const values = {};
  let sound = true;
  let first = null;
  for (const [name, field] of Object.entries(fields)) {
    values[name] = null;
    if (field.root.hidden) continue;
    try {
      values[name] = field.read();
      field.showError("");
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      sound = false;
      first ??= field;
      if (complaining) field.showError(error.words);
    }
  }
  return { values, sound, first };
}

/**
 * Ask before something is done. `sentence(values)` and `stale()` are asked again and again while the dialog is open;
 * stale gives text where it can no longer be done; `words(problem)` gives the text of a refusal, `failed` is called with it;
 * `replaces`: the request is a PUT. Where the server asks for the code of a second person, the dialog does. Resolves to the
 * server's answer, or null where they went back.
 */
export function confirmAction({
  title,
  confirm,
  danger = false,
  fields: asked,
  sentence,
  stale = () => "",
  path,
  replaces = false,
  body,
  words: explain = problemText,
  failed = null,
}) {
  const dialog = byId("act");
  const key = newKey();
  const code = codeField("act-code");
  const fields = { ...asked, code };
  const words = element("p", { class: danger ? "sentence danger" : "sentence", id: "act-sentence" });
  const wrong = element("p", { class: "notice bad", id: "act-wrong", role: "alert", hidden: true });
  const back = element("button", { class: "button", type: "button", id: "act-back" }, t("ops.go-back"));
  const go = element("button", { class: danger ? "button main grave" : "button main", id: "act-confirm" }, confirm);
  const roots = Object.values(fields).map((field) => field.root);
  const form = element(
    "form",
    { novalidate: true },
    element("h2", { id: "act-title" }, title),
    words,
    ...roots,
    wrong,
    element("div", { class: "actions" }, back, go),
  );
  dialog.replaceChildren(form);
  let busy = false;
  let complaining = false;

  function look() {
    const { values } = valuesOf(fields, complaining);
    const text = sentence(values);
    if (words.textContent !== text) words.textContent = text;
    const over = busy ? "" : stale();
    if (over) tell(over);
    go.disabled = busy || Boolean(over);
  }

  function tell(text) {
    wrong.hidden = !text;
    if (wrong.textContent !== text) wrong.textContent = text;
  }

  return new Promise((resolve) => {
    const timer = setInterval(look, EVERY_MS);

    function end(answer) {
      clearInterval(timer);
      dialog.removeEventListener("cancel", cancelled);
      if (dialog.open) dialog.close();
      dialog.replaceChildren();
      resolve(answer);
    }

    function cancelled(event) {
      event.preventDefault();
      // an action under way is seen through
      if (!busy) end(null);
    }

    function refused(problem) {
      busy = false;
      back.disabled = false;
      form.removeAttribute("aria-busy");
      go.textContent = confirm;
      go.disabled = false;
      tell(explain(problem));
      failed?.(problem);
      if (!needsCode(problem)) return;
      complaining = false;
      code.root.hidden = false;
      code.write("");
      code.control.focus();
    }

    back.addEventListener("click", () => busy || end(null));
    dialog.addEventListener("cancel", cancelled);
    form.addEventListener("input", () => {
      tell("");
      look();
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (busy || go.disabled) return;
      complaining = true;
      const { values, sound, first } = valuesOf(fields, true);
      if (!sound) {
        (first.control ?? first.root.querySelector("input"))?.focus();
        return;
      }
      busy = true;
      back.disabled = true;
      tell("");
      form.setAttribute("aria-busy", "true");
      go.textContent = t("ops.doing");
      look();
      try {
        // the same key however often it is pressed: an action whose answer was lost is not carried out twice
        const { code: shown, ...given } = values;
        const sent = body(given);
        end(await (replaces ? put(path(), sent) : post(path(), sent, { key, code: shown })));
      } catch (problem) {
        refused(problem);
      }
    });
    look();
    dialog.showModal();
    const first = Object.values(fields).find((field) => !field.root.hidden);
    (first?.control ?? back).focus();
  });
}
