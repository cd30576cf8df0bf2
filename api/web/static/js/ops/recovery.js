// What a loss of the ledger has stopped and what was restored: a section of the staff page, where there is any of it.

import { get, timeoutSignal } from "../shared/api.js";
import { element } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { freezeCauseText, shortDateTime } from "../shared/staff_text.js";

const ANSWER_MS = 6000;
const IDLE_EVERY_MS = 30_000;

/** What staff run on the server to restore a lot. */
export const restoreCommand = (lotId) => `auction restore --lot ${lotId}`;
const RESTORE_ALL = "auction restore --all";

/** The section in `root`. */
export class Recovery {
  #root;
  #report = null;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(root) {
    this.#root = root;
  }

  /** Ask for the report: each time while something is stopped, else now and then. `health` is the last answer. */
  async refresh(health) {
    const isStopped = Boolean(health?.shards_stopped?.length || health?.lots_frozen?.length);
    const isShown = Boolean(this.#report?.lots.length || this.#report?.shards_stopped?.length);
    if (!isStopped && !isShown && Date.now() - this.#askedAt < IDLE_EVERY_MS) return;
    this.#askedAt = Date.now();
    try {
      this.#report = await get("/ops/recovery", { signal: timeoutSignal(ANSWER_MS) });
    } catch {
      return; // what is shown stays, and is asked for again
    }
    this.#show();
  }

  /** Why that lot is frozen, in words. */
  causeOf(lotId) {
    const found = this.#report?.lots.find((lot) => lot.lot_id === lotId);
    return found ? freezeCauseText(found.cause) : t("ops.note.frozen-unknown");
  }

  #show() {
    const { shards_stopped: shards, lots, restored } = this.#report;
    this.#root.hidden = !(shards?.length || lots.length || restored.length);
    if (this.#root.hidden) return;
    const rows = [
      ...(shards?.length
        ? [row("stopped", t("ops.recovery.stopped", { shards: shards.join(", ") }), "", RESTORE_ALL)]
        : []),
      ...lots.map((lot) =>
        row(
          "frozen",
          t("ops.recovery.frozen", { lot: lot.lot_id, cause: freezeCauseText(lot.cause) }),
          frozenFacts(lot),
          restoreCommand(lot.lot_id),
        ),
      ),
      ...restored.map((lot) => row("restored", restoredText(lot), lostText(lot), "")),
    ];
    this.#root.replaceChildren(
      element("h2", { id: "recovery-title" }, t("ops.recovery")),
      element("ul", { class: "recovery numbers" }, rows),
      element("a", { class: "button small", href: "/api/v1/ops/recovery.csv", download: "" }, t("ops.recovery.csv")),
    );
  }
}

function row(what, title, facts, command) {
  return element(
    "li",
    { "data-what": what },
    element("strong", {}, title),
    facts ? element("span", { class: "soft" }, facts) : null,
    command ? element("code", {}, command) : null,
  );
}

function frozenFacts(lot) {
  const facts = {
    when: shortDateTime(lot.found_at_ms),
    archived: lot.archived_seq,
    acknowledged: lot.acknowledged_seq,
    aside: lot.entries_set_aside,
  };
  return t(lot.acknowledged_seq === null ? "ops.recovery.facts-unknown" : "ops.recovery.facts", facts);
}

const restoredText = (lot) =>
  t("ops.recovery.restored", { lot: lot.lot_id, when: shortDateTime(lot.at_ms), seq: lot.seq, epoch: lot.epoch });

const lostText = (lot) =>
  lot.lost_last_seq === null
    ? t("ops.recovery.lost-none")
    : t("ops.recovery.lost", { first: lot.lost_first_seq, last: lot.lost_last_seq });
