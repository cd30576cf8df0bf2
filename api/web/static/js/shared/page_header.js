// The header of every page: who is signed in, the way to the other pages, the language switch.

import { get, remove } from "./api.js";
import { byId, element } from "./element.js";
import { switchLanguage, t, translatePage } from "./i18n.js";
import { signInHref } from "./navigation.js";

const PLACES = [
  ["/me", "nav.me", ["bidder"]],
  ["/ops", "nav.ops", ["ops"]],
  ["/ops/settlements", "nav.settlements", ["ops", "finance", "auditor"]],
  ["/ops/audit", "nav.audit", ["finance", "auditor"]],
];

/** Fill the page header; gives who is signed in: {subject, name, role}, or null. */
export async function showPageHeader() {
  translatePage();
  let who = null;
  try {
    who = (await get("/auth/session")).identity;
  } catch {
    // the page works without knowing: everything that needs a session says so itself
  }
  const nav = byId("page-nav");
  const items = [
    element("a", { href: "/" }, t("nav.sales")),
    ...PLACES.filter(([, , roles]) => who && roles.includes(who.role)).map(([href, words]) =>
      element("a", { href }, t(words)),
    ),
    element("button", { type: "button", id: "language", onclick: switchLanguage }, t("nav.other-language")),
    ...(who
      ? [
          element("span", { class: "who" }, who.name),
          element("button", { type: "button", id: "sign-out", onclick: signOut }, t("nav.sign-out")),
        ]
      : [element("a", { href: signInHref(), id: "sign-in" }, t("nav.sign-in"))]),
  ];
  nav.replaceChildren(...items.filter(Boolean));
  return who;
}

async function signOut() {
  await remove("/auth/session").catch(() => {
    // the page says after its reload who is signed in
  });
  location.reload();
}
