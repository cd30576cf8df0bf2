// Sign-in and sign-up: one form, two addresses; staff go on to their code; afterwards back to where they came from.

import { post } from "../shared/api.js";
import { byId } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { goTo, ownPage, signInHref, signUpHref } from "../shared/navigation.js";
import { showPageHeader } from "../shared/page_header.js";
import { problemText } from "../shared/problems.js";
import { typedText } from "../shared/text_input.js";
import { SecondFactor } from "./second_factor.js";

const PASSWORD_MIN = 10;
const USERNAME = /^[A-Za-z0-9._-]{3,32}$/;
const up = location.pathname.startsWith("/sign-up");
const next = ownPage(new URLSearchParams(location.search).get("next"));

showPageHeader();
const kind = up ? "up" : "in";
document.title = `${t(`sign.${kind}-title`)} · ${t("brand")}`;
byId("sign-title").textContent = t(`sign.${kind}-title`);
byId("sign-button").textContent = t(`sign.${kind}`);
byId("name-field").hidden = !up;
byId("username-hint").hidden = !up;
byId("password-hint").hidden = !up;
byId("password").autocomplete = up ? "new-password" : "current-password";
byId("other-words").textContent = t(up ? "sign.have-account" : "sign.no-account");
byId("other-link").textContent = t(up ? "sign.in" : "sign.up");
byId("other-link").href = up ? signInHref(next) : signUpHref(next);

const secondFactor = new SecondFactor({
  credentials: () => ({ username: byId("username").value.trim(), password: byId("password").value }),
  tell: showError,
  signedIn: (identity) => goTo(landingPage(identity)),
});

byId("sign-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const username = byId("username").value.trim();
  const password = byId("password").value;
  const name = typedText(byId("name").value);
  const wrong = mistake(username, password, name);
  if (wrong) {
    showError(wrong);
    return;
  }
  byId("sign-button").disabled = true;
  showError(null);
  try {
    if (up) await post("/auth/accounts", { username, password, name });
    const { identity } = await post("/auth/session", { username, password });
    goTo(landingPage(identity));
  } catch (problem) {
    await goOn(problem);
    byId("sign-button").disabled = false;
  }
});

/** What a sign-in with the password alone needs next. */
async function goOn(problem) {
  if (problem.code === "code-required") {
    secondFactor.askForCode();
  } else if (problem.code === "second-factor-missing") {
    await secondFactor.setUp().catch(showError);
  } else {
    showError(problem);
  }
}

// not before: a form that is sent by itself would lose where its visitor came from
byId("sign-button").disabled = false;

/** Back to where they came from; finance and auditors to the settlements page, unless they came from there. */
function landingPage(identity) {
  const money = identity && ["finance", "auditor"].includes(identity.role);
  return money && ["/", "/ops"].includes(next.split("#")[0]) ? "/ops/settlements" : next;
}

function mistake(username, password, name) {
  if (!username || !password || (up && !name)) return t("sign.missing");
  if (up && !USERNAME.test(username)) return t("sign.bad-username");
  if (up && password.length < PASSWORD_MIN) return t("sign.short-password");
  return "";
}

/** Words, or a Problem; null: nothing is wrong. */
function showError(wrong) {
  byId("failure").textContent = wrong instanceof Error ? problemText(wrong) : (wrong ?? "");
  byId("failure").hidden = !wrong;
}
