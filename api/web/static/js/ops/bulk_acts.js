// One act on many lots: asked for once, done on each for itself, and told of each.

import { Problem } from "../shared/api.js";
import { confirmAction } from "../shared/confirm_dialog.js";
import { byId, element } from "../shared/element.js";
import { reasonField } from "../shared/form_fields.js";
import { joinSentences, t } from "../shared/i18n.js";
import { durationText, formatCount, shortDateTime, staffProblemText } from "../shared/staff_text.js";
import { ACTION_OF_ACT, movesHardStop, numberOf } from "./pending_act.js";

const CONFIRMABLE = ["close-lot", "extend-lot"];
const targetsOf = (lots) => lots.map((lot) => ({ lot_id: lot.lot_id }));

/** Ask for an act on these lots and do it; `others`: how many of the selected ones it is not for. Gives the results, or null. */
export async function bulkAct(act, lots, others) {
  const count = lots.length;
  const title = t(`ops.bulk.title.${act.name}`, { count: formatCount(count) });
  const answer = await confirmAction({
    title,
    confirm: t(`ops.act.${act.name}.confirm`),
    danger: Boolean(act.danger),
    fields: act.fields(),
    sentence: (values) =>
      joinSentences([
        t(`ops.bulk.sentence.${act.name}`, { count: formatCount(count) }),
        act.more?.(values, count) ?? "",
        others ? t("ops.bulk.others", { n: formatCount(others) }) : "",
      ]),
    path: () => `/ops/bulk/${act.name}`,
    body: (values) => ({ lots: targetsOf(lots), ...withoutEmpty(act.body ? act.body(values) : values) }),
    words: staffProblemText,
  });
  return told(answer, title, lots);
}

const withoutEmpty = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));

/** The requests on these lots that another person made and that can be confirmed together: {words, lots, acts}. */
export function requestsOfOthers(lots, pending, me) {
  const groups = new Map();
  for (const lot of lots) {
    const act = pending(lot.lot_id);
    if (!act || act.asked_by === me || !CONFIRMABLE.includes(act.act)) continue;
    const key = `${act.act} ${act.subject ?? ""}`;
    if (!groups.has(key)) groups.set(key, { words: requestText(act), lots: [], acts: [] });
    groups.get(key).lots.push(lot);
    groups.get(key).acts.push(act);
  }
  return [...groups.values()];
}

function requestText(act) {
  if (act.act !== "extend-lot") return t("ops.pending.act.close-lot");
  const by = durationText(numberOf(act));
  return t(movesHardStop(act) ? "ops.bulk.extension-with-stop" : "ops.bulk.extension", { by });
}

/** Confirm what others requested on these lots. */
export async function confirmRequests({ words, lots, acts }) {
  const [first] = acts;
  const given = first.act === "extend-lot" ? { by_ms: numberOf(first), move_hard_stop: movesHardStop(first) } : {};
  const who = [...new Set(acts.map((act) => act.asked_by))].join(", ");
  const title = t("ops.bulk.confirm", { act: words, count: formatCount(lots.length) });
  const answer = await confirmAction({
    title,
    confirm: t("ops.bulk.confirm-all"),
    danger: first.act === "close-lot",
    fields: { reason: reasonField("act-reason") },
    sentence: () =>
      t("ops.bulk.sentence.confirm", {
        act: words,
        count: formatCount(lots.length),
        who,
        reason: [...new Set(acts.map((act) => act.reason))].join(" · "),
        lots: lots
          .slice(0, 12)
          .map((lot) => lot.title)
          .join(", "),
      }),
    path: () => `/ops/bulk/${ACTION_OF_ACT[first.act]}`,
    body: (values) => ({ lots: acts.map(({ lot_id, pending_id }) => ({ lot_id, pending_id })), ...given, ...values }),
    words: staffProblemText,
  });
  return told(answer, title, lots);
}

/** Tell what became of each lot; the results, or null where nothing was asked. */
async function told(answer, title, lots) {
  if (!answer) return null;
  await showResults(title, answer.results, new Map(lots.map((lot) => [lot.lot_id, lot.title])));
  return answer.results;
}

function resultText(result) {
  if (result.outcome === "refused") return staffProblemText(new Problem(result.problem, result.problem.status));
  if (result.outcome === "requested")
    return t("ops.pending.requested", { until: shortDateTime(result.pending.expires_at_ms) });
  return t(`status.${result.lot.status}`);
}

function showResults(title, results, titles) {
  const dialog = byId("act");
  const count = (outcome) => results.filter((one) => one.outcome === outcome).length;
  const tally = ["done", "requested", "refused"]
    .filter((outcome) => count(outcome))
    .map((outcome) => t(`ops.bulk.${outcome}`, { n: formatCount(count(outcome)) }));
  const order = ["refused", "requested", "done"];
  const sorted = [...results].sort((a, b) => order.indexOf(a.outcome) - order.indexOf(b.outcome));
  const close = element("button", { class: "button main", type: "button", id: "act-back" }, t("ops.bulk.close"));
  dialog.replaceChildren(
    element("h2", { id: "act-title" }, title),
    element("p", { class: "sentence", id: "act-sentence" }, tally.join(" · ")),
    element(
      "ul",
      { class: "results", id: "results", tabindex: "0" },
      sorted.map((one) =>
        element(
          "li",
          { "data-outcome": one.outcome },
          element("strong", {}, titles.get(one.lot_id) ?? one.lot_id),
          " ",
          element("span", {}, resultText(one)),
        ),
      ),
    ),
    element("div", { class: "actions" }, close),
  );
  return new Promise((resolve) => {
    // not its "close": that of the dialog before this one may still be on its way
    function end(event) {
      event.preventDefault();
      dialog.removeEventListener("cancel", end);
      dialog.close();
      dialog.replaceChildren();
      resolve();
    }
    dialog.addEventListener("cancel", end);
    close.addEventListener("click", end);
    dialog.showModal();
    close.focus();
  });
}
