// What may be done with many lots at once: the statuses that allow it, what is asked for, and what it means.

import { checkField, choiceField, durationField, momentField, reasonField } from "../shared/form_fields.js";
import { t } from "../shared/i18n.js";
import { durationText, shortDateTime } from "../shared/staff_text.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const reason = () => ({ reason: reasonField("act-reason") });

function times() {
  const opens = momentField("act-opens", "series_opens");
  const duration = durationField("act-duration", "series_duration", { required: true });
  const every = durationField("act-every", "series_every", { required: true });
  opens.write(Math.ceil((Date.now() + 10 * MINUTE_MS) / (5 * MINUTE_MS)) * 5 * MINUTE_MS);
  duration.write(10 * MINUTE_MS);
  every.write(10 * MINUTE_MS);
  return { opens_at_ms: opens, duration_ms: duration, every_ms: every };
}

function timesText(values, count) {
  const { opens_at_ms: opens, duration_ms: duration, every_ms: every } = values;
  if (opens === null || !duration || every === null) return "";
  const ends = opens + (count - 1) * every + duration;
  return t("ops.bulk.times", { opens: shortDateTime(opens), ends: shortDateTime(ends) });
}

/** Each: its name (the request's too), the statuses that allow it, `fields()`, `more(values, count)`: a sentence beside. */
export const BULK_ACTS = [
  { name: "schedule", statuses: ["draft"], fields: times, more: timesText },
  { name: "reschedule", statuses: ["scheduled"], fields: times, more: timesText },
  {
    name: "open",
    statuses: ["draft", "scheduled"],
    fields() {
      const how = choiceField("act-how", "open_how", [
        ["duration", t("ops.open.duration")],
        ["until", t("ops.open.until")],
      ]);
      const duration = durationField("act-duration", "open_duration", { required: true });
      const until = momentField("act-until", "open_until");
      duration.write(HOUR_MS);
      until.write(Date.now() + HOUR_MS);
      const arrange = () => {
        duration.root.hidden = how.read() !== "duration";
        until.root.hidden = how.read() !== "until";
      };
      how.control.addEventListener("change", arrange);
      arrange();
      return { how, duration_ms: duration, closes_at_ms: until };
    },
    more({ how, duration_ms: duration, closes_at_ms: until }) {
      if (how === "duration") return duration ? t("ops.bulk.open-for", { left: durationText(duration) }) : "";
      return until ? t("ops.bulk.open-until", { ends: shortDateTime(until) }) : "";
    },
    body: ({ how, duration_ms: duration, closes_at_ms: until }) =>
      how === "duration" ? { duration_ms: duration } : { closes_at_ms: until },
  },
  { name: "pause", statuses: ["open"], fields: reason },
  { name: "resume", statuses: ["paused", "held"], fields: () => ({}) },
  {
    name: "extend",
    statuses: ["open", "paused"],
    fields() {
      const by = durationField("act-by", "extend_by", { required: true });
      by.write(5 * MINUTE_MS);
      return { by_ms: by, move_hard_stop: checkField("act-move-hard-stop", "move_hard_stop"), ...reason() };
    },
    more: ({ by_ms: by }) => (by ? t("ops.bulk.extend-by", { by: durationText(by) }) : ""),
  },
  { name: "close", statuses: ["open", "paused"], danger: true, fields: reason },
];
