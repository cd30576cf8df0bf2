// What staff may do with a lot in each status: the fields asked for, the consequence in a sentence, and the request.

import {
  amountField,
  checkField,
  choiceField,
  durationField,
  momentField,
  reasonField,
} from "../shared/form_fields.js";
import { t } from "../shared/i18n.js";
import { yuanShort } from "../shared/money.js";
import { durationText, formatCount, priceText, shortDateTime } from "../shared/staff_text.js";
import { remainingOf } from "./lot_list.js";
import { presetOf } from "./presets.js";

const HOUR_MS = 3_600_000;
const FIVE_MINUTES_MS = 300_000;

const path = (lot, rest) => `/ops/lots/${encodeURIComponent(lot.lot_id)}/${rest}`;
const bidsWords = (lot) => t("ops.n-bids", { n: formatCount(lot.bids) });

function reserveWords(lot) {
  const reserve = lot.terms.reserve_fen;
  return reserve && lot.price_fen < reserve ? t("ops.sentence.reserve-unmet", { reserve: yuanShort(reserve) }) : "";
}

function closing(lot, left) {
  const facts = { title: lot.title, price: priceText(lot), paddle: lot.leader, left };
  if (!lot.leader) return t("ops.sentence.close-empty", facts);
  return `${t("ops.sentence.close", facts)}${reserveWords(lot)}`;
}

/**
 * Each: the statuses that allow it, its tone, `fields(lot, now)` by name, `sentence(lot, values, now)`, `path(lot)`,
 * `body(values)`; `replaces`: the request is a PUT. A value is null while its field is empty or mistyped.
 */
export const ACTIONS = {
  schedule: {
    statuses: ["draft"],
    fields(lot, now) {
      const opens = momentField("act-opens", "opens_at");
      const closes = momentField("act-closes", "closes_at");
      const first = Math.ceil((now + 10 * 60_000) / FIVE_MINUTES_MS) * FIVE_MINUTES_MS;
      opens.write(first);
      closes.write(first + (presetOf(lot.preset)?.default_duration_ms ?? 4 * HOUR_MS));
      return { opens_at_ms: opens, closes_at_ms: closes };
    },
    sentence(lot, { opens_at_ms: opens, closes_at_ms: closes }, now) {
      if (opens === null || closes === null) return t("ops.sentence.frozen", { title: lot.title });
      if (closes <= opens) return t("ops.sentence.schedule-backwards");
      const facts = {
        title: lot.title,
        opens: shortDateTime(opens),
        wait: durationText(opens - now),
        length: durationText(closes - opens),
      };
      return t(opens > now ? "ops.sentence.schedule" : "ops.sentence.schedule-at-once", facts);
    },
    path: (lot) => path(lot, "schedule"),
    body: (values) => values,
  },
  reschedule: {
    statuses: ["scheduled"],
    replaces: true,
    fields(lot) {
      const opens = momentField("act-opens", "opens_at");
      const closes = momentField("act-closes", "closes_at");
      opens.write(lot.opens_at_ms);
      closes.write(lot.ends_at_ms);
      return { opens_at_ms: opens, closes_at_ms: closes };
    },
    sentence(lot, { opens_at_ms: opens, closes_at_ms: closes }, now) {
      if (opens === null || closes === null) return t("ops.sentence.reschedule-empty", { title: lot.title });
      if (closes <= opens) return t("ops.sentence.schedule-backwards");
      const facts = { title: lot.title, opens: shortDateTime(opens), length: durationText(closes - opens) };
      return t(opens > now ? "ops.sentence.reschedule" : "ops.sentence.reschedule-at-once", facts);
    },
    path: (lot) => path(lot, "schedule"),
    body: (values) => values,
  },
  open: {
    statuses: ["draft", "scheduled"],
    main: true,
    fields(lot, now) {
      const how = choiceField("act-how", "open_how", [
        ["duration", t("ops.open.duration")],
        ["until", t("ops.open.until")],
      ]);
      const duration = durationField("act-duration", "open_duration", { required: true });
      const until = momentField("act-until", "open_until");
      duration.write(HOUR_MS);
      until.write(lot.status === "scheduled" && lot.ends_at_ms > now ? lot.ends_at_ms : now + HOUR_MS);
      if (lot.status === "scheduled" && lot.ends_at_ms > now) how.write("until");
      const arrange = () => {
        duration.root.hidden = how.read() !== "duration";
        until.root.hidden = how.read() !== "until";
      };
      how.control.addEventListener("change", arrange);
      arrange();
      return { how, duration_ms: duration, closes_at_ms: until };
    },
    sentence(lot, values, now) {
      const ends = values.how === "duration" ? values.duration_ms && now + values.duration_ms : values.closes_at_ms;
      const frozen = lot.status === "draft" ? t("ops.sentence.frozen", { title: lot.title }) : "";
      if (!ends) return frozen;
      if (ends <= now) return t("ops.sentence.open-past");
      const late = lot.terms.soft_close ? t("ops.sentence.open-late") : "";
      return `${t("ops.sentence.open", { title: lot.title, ends: shortDateTime(ends), left: durationText(ends - now) })}${late}${frozen}`;
    },
    path: (lot) => path(lot, "open"),
    body: ({ how, duration_ms: duration, closes_at_ms: until }) =>
      how === "duration" ? { duration_ms: duration } : { closes_at_ms: until },
  },
  pause: {
    statuses: ["open"],
    main: true,
    fields: () => ({ reason: reasonField("act-reason") }),
    sentence: (lot, _values, now) =>
      t("ops.sentence.pause", { title: lot.title, left: durationText(remainingOf(lot, now)) }),
    path: (lot) => path(lot, "pause"),
    body: (values) => values,
  },
  resume: {
    statuses: ["paused", "held"],
    main: true,
    fields(lot) {
      const limited = lot.review_above_fen !== null;
      const choices = [
        ["new", t("ops.review.new")],
        ["none", t("ops.review.none")],
        ["same", t(limited ? "ops.review.same" : "ops.review.same-none")],
      ];
      const how = choiceField("act-review", "review_how", choices);
      const limit = amountField("act-limit", "review_limit", { required: true });
      how.write(lot.status === "held" ? "new" : "same");
      limit.write(Math.ceil((lot.price_fen * 2) / 1_000_000) * 1_000_000 || null);
      const arrange = () => {
        limit.root.hidden = how.read() !== "new";
      };
      how.control.addEventListener("change", arrange);
      arrange();
      return { how, limit };
    },
    sentence(lot, { how, limit }, now) {
      const left = durationText(lot.remaining_ms);
      const goes = t("ops.sentence.resume", { title: lot.title, left, ends: shortDateTime(now + lot.remaining_ms) });
      if (how === "new") return `${goes}${limit ? t("ops.sentence.review-new", { limit: yuanShort(limit) }) : ""}`;
      if (how === "none") return `${goes}${t("ops.sentence.review-none")}`;
      const again = lot.review_above_fen !== null && lot.price_fen >= lot.review_above_fen;
      return `${goes}${again ? t("ops.sentence.review-again") : ""}`;
    },
    path: (lot) => path(lot, "resume"),
    body: ({ how, limit }) => (how === "same" ? {} : { review_above_fen: how === "none" ? 0 : limit }),
  },
  extend: {
    statuses: ["open", "paused"],
    fields(lot) {
      const by = durationField("act-by", "extend_by", { required: true });
      const move = checkField("act-move-hard-stop", "move_hard_stop");
      by.write(FIVE_MINUTES_MS);
      move.root.hidden = !lot.terms.soft_close?.hard_stop_ms;
      return { by_ms: by, move_hard_stop: move, reason: reasonField("act-reason") };
    },
    sentence(lot, { by_ms: by }) {
      if (lot.status === "paused") {
        const left = durationText(lot.remaining_ms + (by ?? 0));
        return t(by ? "ops.sentence.extend-paused" : "ops.sentence.extend-paused-empty", { title: lot.title, left });
      }
      if (!by) return t("ops.sentence.extend-empty", { title: lot.title, ends: shortDateTime(lot.ends_at_ms) });
      return t("ops.sentence.extend", {
        title: lot.title,
        from: shortDateTime(lot.ends_at_ms),
        to: shortDateTime(lot.ends_at_ms + by),
      });
    },
    path: (lot) => path(lot, "extend"),
    body: (values) => ({ ...values, move_hard_stop: values.move_hard_stop ?? false }),
  },
  close: {
    statuses: ["open", "paused"],
    danger: true,
    fields: () => ({ reason: reasonField("act-reason") }),
    sentence: (lot, _values, now) => closing(lot, durationText(remainingOf(lot, now))),
    path: (lot) => path(lot, "close"),
    body: (values) => values,
  },
  "void-bid": {
    statuses: ["paused", "held"],
    danger: true,
    fields: () => ({ reason: reasonField("act-reason") }),
    sentence: (lot, _values, _now, bid) =>
      t(
        bid.paddle === lot.leader && bid.price_fen === lot.price_fen
          ? "ops.sentence.void-leading-bid"
          : "ops.sentence.void-bid",
        {
          title: lot.title,
          price: `¥${yuanShort(bid.price_fen)}`,
          paddle: bid.paddle,
          bidder: bid.bidder,
        },
      ),
    path: (lot, bid) => path(lot, `bids/${bid.seq}/void`),
    body: (values) => values,
  },
  void: {
    statuses: ["scheduled", "open", "paused", "held"],
    danger: true,
    fields: () => ({ reason: reasonField("act-reason") }),
    sentence: (lot) => t("ops.sentence.void", { title: lot.title, bids: bidsWords(lot) }),
    path: (lot) => path(lot, "void"),
    body: (values) => values,
  },
};

/** The names of what may be done with a lot in that status. */
export const actionsFor = (status) =>
  // a frozen lot shows what it had while it ran, all of it disabled
  status === "frozen" ? Object.keys(ACTIONS).filter(isOfRunningLot) : namesFor(status);

const isOfRunningLot = (name) => ["open", "paused"].some((status) => ACTIONS[name].statuses.includes(status));
const namesFor = (status) => Object.keys(ACTIONS).filter((name) => ACTIONS[name].statuses.includes(status));
