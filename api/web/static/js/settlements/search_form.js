// What of the closed lots is shown: words, and the days on which their settlements began.

import { element } from "../shared/element.js";
import { t } from "../shared/i18n.js";

const WAIT_MS = 300;
const DAY_MS = 86_400_000;

/** The start of a day in the visitor's zone, UTC ms; null where none is given. */
function startOf(day) {
  return day ? new Date(`${day}T00:00:00`).getTime() : null;
}

/** Fill the form; `changed()` is called after what somebody types. Gives `query()`: the parameters, as pairs. */
export function searchForm(form, changed) {
  const input = (id, type, label) =>
    element("input", { id, type, maxlength: 100, autocomplete: "off", placeholder: label, "aria-label": label });
  const words = input("search-words", "search", t("search.words"));
  const from = input("search-from", "date", t("search.from"));
  const to = input("search-to", "date", t("search.to"));
  form.append(words, element("span", { class: "days" }, from, "–", to));
  let timer = 0;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(changed, WAIT_MS);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    changed();
  });
  return {
    query() {
      const until = startOf(to.value);
      const pairs = [
        ["q", words.value.trim()],
        ["from_ms", startOf(from.value)],
        ["to_ms", until === null ? null : until + DAY_MS],
      ];
      return pairs.filter(([, value]) => value !== "" && value !== null);
    },
  };
}
