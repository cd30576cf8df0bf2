// The page's words: the language comes with the document (`<html lang>`), the switch sets a cookie and reloads.

import { words as en } from "../../i18n/en.js";
import { words as zh } from "../../i18n/zh-CN.js";

export const language = document.documentElement.lang.startsWith("zh") ? "zh-CN" : "en";
const words = language === "zh-CN" ? zh : en;

/** The phrase under a name, `{facts}` filled in. */
export function t(name, facts = {}) {
  const phrase = words[name] ?? en[name] ?? name;
  return phrase.replace(/\{(\w+)\}/g, (whole, fact) => (fact in facts ? String(facts[fact]) : whole));
}

/** True where there is a phrase of that name. */
export const hasText = (name) => name in words;

/** Fill every element that names its words: data-i18n (text), data-i18n-label, data-i18n-placeholder, data-i18n-title. */
export function translatePage(root = document) {
  for (const element of root.querySelectorAll("[data-i18n]")) element.textContent = t(element.dataset.i18n);
  for (const element of root.querySelectorAll("[data-i18n-label]")) {
    element.setAttribute("aria-label", t(element.dataset.i18nLabel));
  }
  for (const element of root.querySelectorAll("[data-i18n-placeholder]")) {
    element.placeholder = t(element.dataset.i18nPlaceholder);
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

/** Show this site in the other language from now on. */
export function switchLanguage() {
  const other = language === "zh-CN" ? "en" : "zh-CN";
  document.cookie = `auction_language=${other}; path=/; max-age=31536000; samesite=lax`;
  location.reload();
}
