// The page's words: the language comes with the document (`<html lang>`), the switch sets a cookie and reloads.

import { words as en } from "../../i18n/en.js";
import { words as zh } from "../../i18n/zh-CN.js";

export const language = document.documentElement.lang.startsWith("zh") ? "zh-CN" : "en";
const words = language === "zh-CN" ? zh : en;

/** The phrase under a name, `{facts}` filled in. */
export function say(name, facts = {}) {
  const phrase = words[name] ?? en[name] ?? name;
  return phrase.replace(/\{(\w+)\}/g, (whole, fact) => (fact in facts ? String(facts[fact]) : whole));
}

/** True where there is a phrase of that name. */
export const known = (name) => name in words;

/** Fill every element that names its words: data-say (text), data-say-label, data-say-placeholder, data-say-title. */
export function sayAll(root = document) {
  for (const element of root.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const element of root.querySelectorAll("[data-say-label]")) {
    element.setAttribute("aria-label", say(element.dataset.sayLabel));
  }
  for (const element of root.querySelectorAll("[data-say-placeholder]")) {
    element.placeholder = say(element.dataset.sayPlaceholder);
  }
}

/** A moment as a date and time in the page's language, in the visitor's own zone. */
export function when(atMs) {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" }).format(atMs);
}

/** A time of day with seconds. */
export function clockTime(atMs) {
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
