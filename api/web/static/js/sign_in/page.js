// Sign-in and sign-up: one form, two addresses; afterwards back to where the visitor came from.

import { post } from "../shared/api.js";
import { wordsOf } from "../shared/problems.js";
import { byId } from "../shared/element.js";
import { masthead } from "../shared/page_header.js";
import { say } from "../shared/i18n.js";

const PASSWORD_MIN = 10;
const USERNAME = /^[A-Za-z0-9._-]{3,32}$/;
const up = location.pathname.startsWith("/sign-up");
const given = new URLSearchParams(location.search).get("next") ?? "/";
// only ever to a page of this house
const next = /^\/(?![/\\])/.test(given) ? given : "/";

masthead();
const kind = up ? "up" : "in";
document.title = `${say(`sign.${kind}-title`)} · ${say("brand")}`;
byId("sign-title").textContent = say(`sign.${kind}-title`);
byId("sign-button").textContent = say(`sign.${kind}`);
byId("name-field").hidden = !up;
byId("username-hint").hidden = !up;
byId("password-hint").hidden = !up;
byId("password").autocomplete = up ? "new-password" : "current-password";
byId("other-words").textContent = say(up ? "sign.have-account" : "sign.no-account");
byId("other-link").textContent = say(up ? "sign.in" : "sign.up");
byId("other-link").href = `${up ? "/sign-in" : "/sign-up"}?next=${encodeURIComponent(next)}`;

byId("sign-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const username = byId("username").value.trim();
  const password = byId("password").value;
  const name = byId("name").value.trim();
  const wrong = mistake(username, password, name);
  if (wrong) {
    complain(wrong);
    return;
  }
  byId("sign-button").disabled = true;
  try {
    if (up) await post("/auth/accounts", { username, password, name });
    const { identity } = await post("/auth/session", { username, password });
    location.assign(deskOf(identity));
  } catch (problem) {
    complain(wordsOf(problem));
    byId("sign-button").disabled = false;
  }
});

// not before: a form that is sent by itself would lose where its visitor came from
byId("sign-button").disabled = false;

/** Back to where they came from; those who look after money to their own desk, unless they came from a page of it. */
function deskOf(identity) {
  const money = identity && ["finance", "auditor"].includes(identity.role);
  return money && ["/", "/ops"].includes(next.split("#")[0]) ? "/ops/settlements" : next;
}

function mistake(username, password, name) {
  if (!username || !password || (up && !name)) return say("sign.missing");
  if (up && !USERNAME.test(username)) return say("sign.bad-username");
  if (up && password.length < PASSWORD_MIN) return say("sign.short-password");
  return "";
}

function complain(words) {
  byId("failure").textContent = words;
  byId("failure").hidden = false;
}
