// The page's texts: language and subjects come with the document (`<html lang data-subjects>`), and only those are loaded.

export const language = document.documentElement.lang.startsWith("zh") ? "zh-CN" : "en";
const CURRENCY = document.documentElement.dataset?.currency ?? "CNY";
const subjects = document.documentElement.dataset?.subjects?.split(" ").filter(Boolean) ?? [];
const modules = subjects.length ? subjects.map((subject) => `${language}/${subject}`) : [language];
const loaded = await Promise.all(modules.map((name) => import(`../../i18n/${name}.js`)));
const words = Object.assign({}, ...loaded.map((one) => one.words));

/** The text of that name, `{facts}` and the house's `{currency}` filled in; the name itself where there is none. `name.one` is for a `count` or `n` of 1. */
export function t(name, facts = {}) {
  const isOne = String(facts.count ?? facts.n) === "1";
  const phrase = (isOne && words[`${name}.one`]) || (words[name] ?? name);
  return phrase.replace(/\{(\w+)\}/g, (whole, fact) => {
    if (fact === "currency") return words[`currency.${CURRENCY}`];
    return fact in facts ? String(facts[fact]) : whole;
  });
}

/** Sentences one after the other, as the language sets them. */
export const joinSentences = (sentences) => sentences.filter(Boolean).join(language === "en" ? " " : "");

/** True where there is a text of that name. */
export const hasText = (name) => name in words;

/** Fill every element that names its text: data-i18n (content) or data-i18n-label (aria-label). */
export function translatePage(root = document) {
  for (const element of root.querySelectorAll("[data-i18n]")) element.textContent = t(element.dataset.i18n);
  for (const element of root.querySelectorAll("[data-i18n-label]")) {
    element.setAttribute("aria-label", t(element.dataset.i18nLabel));
  }
}

/** A moment as a date and time in the page's language, in the visitor's own zone. */
export function dateTime(atMs) {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" }).format(atMs);
}

/** A time of day with seconds. */
export function timeOfDay(atMs) {
  return new Intl.DateTimeFormat(language, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  }).format(atMs);
}

/** Store the other language as the visitor's choice and load the page in it. */
export function switchLanguage() {
  const other = language === "zh-CN" ? "en" : "zh-CN";
  // biome-ignore lint/suspicious/noDocumentCookie: browsers in use lack the Cookie Store API
  document.cookie = `auction_language=${other}; path=/; max-age=31536000; samesite=lax`;
  location.reload();
}
