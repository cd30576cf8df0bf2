// Where a bidder is signed in: each session with its browser and device, and a way to end it.

import { get, remove } from "../shared/api.js";
import { byId, element, setText } from "../shared/element.js";
import { dateTime, t } from "../shared/i18n.js";
import { problemText } from "../shared/problems.js";
import { clientText } from "./client_text.js";

const PATH = "/auth/sessions";

/** Show the sessions. */
export async function showSessions({ announce }) {
  const outcome = byId("sessions-outcome");
  const others = byId("end-others");
  const tell = (tone, text) => {
    outcome.className = `notice ${tone}`;
    outcome.hidden = !text;
    setText(outcome, text);
    byId("sessions-outcome").parentElement.hidden = outcome.hidden && others.hidden;
    if (text) announce(text);
  };

  async function list() {
    const { sessions } = await get(PATH);
    sessions.sort((a, b) => b.is_this - a.is_this || b.seen_at_ms - a.seen_at_ms);
    byId("sessions").replaceChildren(...sessions.map((session) => line(session, end)));
    others.hidden = sessions.every((session) => session.is_this);
    outcome.parentElement.hidden = outcome.hidden && others.hidden;
  }

  /** Do it, say what was done, and show what is left. */
  async function end(button, act, words) {
    button.disabled = true;
    try {
      await act();
      tell("good", words);
      await list();
      others.hidden ? byId("sessions-title").scrollIntoView({ block: "nearest" }) : others.focus();
    } catch (problem) {
      tell("bad", problemText(problem));
    } finally {
      button.disabled = false;
    }
  }

  others.addEventListener("click", () => end(others, () => remove(PATH), t("sessions.others-ended")));
  try {
    await list();
  } catch (problem) {
    tell("bad", problemText(problem));
  }
}

function line(session, end) {
  const name = clientText(session.client);
  const seen = session.is_this ? t("sessions.this") : t("sessions.seen", { when: dateTime(session.seen_at_ms) });
  const button = session.is_this
    ? null
    : element(
        "button",
        { class: "button", type: "button", "aria-label": t("sessions.end-one", { name }) },
        t("sessions.end"),
      );
  button?.addEventListener("click", () =>
    end(button, () => remove(`${PATH}/${encodeURIComponent(session.session_id)}`), t("sessions.ended", { name })),
  );
  return element(
    "li",
    { class: "line session", "data-this": session.is_this ? "yes" : "no" },
    element(
      "div",
      {},
      element("strong", {}, name),
      element("p", { class: "soft" }, session.address ? `${seen} · ${session.address}` : seen),
      element("p", { class: "soft" }, t("sessions.begun", { when: dateTime(session.created_at_ms) })),
    ),
    button,
  );
}
