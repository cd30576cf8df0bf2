// What whoever may not run lots sees of the staff page instead of it.

import { element } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { signInHref } from "../shared/navigation.js";

/** Say in `host` that nobody is signed in, or somebody who is not allowed to, with the link to sign in. */
export function showGate(host, who) {
  const words = who ? t("ops.gate.role", { name: who.name, role: t(`ops.role.${who.role}`) }) : t("ops.gate.nobody");
  host.replaceChildren(
    element("h1", {}, t("ops.title")),
    element("p", {}, words),
    element("p", { class: "soft" }, t("ops.gate.how")),
    ...(who && who.role !== "bidder"
      ? [element("a", { class: "button", href: "/ops/settlements" }, t("nav.settlements"))]
      : []),
    element(
      "a",
      { class: "button main", id: "gate-sign-in", href: signInHref(`/ops${location.search}${location.hash}`) },
      t(who ? "ops.gate.other" : "ops.gate.sign-in"),
    ),
  );
  host.hidden = false;
}
