// What a loss of the ledger has stopped, what was restored, and what bidders claim: a section of the staff page.

import { get, timeoutSignal } from "../shared/api.js";
import { confirmAction } from "../shared/confirm_dialog.js";
import { element } from "../shared/element.js";
import { reasonField } from "../shared/form_fields.js";
import { t } from "../shared/i18n.js";
import { yuan } from "../shared/money.js";
import { freezeCauseText, shortDateTime, staffProblemText } from "../shared/staff_text.js";

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
    const { shards_stopped: shards, lots, restored, claims, names } = this.#report;
    this.#root.hidden = !(shards?.length || lots.length || restored.length || claims.length);
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
      ...restored.map((lot) => row("restored", restoredText(lot), restoredFacts(lot, names), "", this.#release(lot))),
      ...claims.map((claim) =>
        row("claim", claimText(claim, names), claimFacts(claim, names), "", this.#decisions(claim)),
      ),
    ];
    this.#root.replaceChildren(
      element("h2", { id: "recovery-title" }, t("ops.recovery")),
      element("ul", { class: "recovery numbers" }, rows),
      element("a", { class: "button small", href: "/api/v1/ops/recovery.csv", download: "" }, t("ops.recovery.csv")),
    );
  }

  /** The button that lets a restored lot be settled, until somebody did. */
  #release(lot) {
    if (lot.decided_at_ms !== null) return [];
    return [
      button(t("ops.recovery.release"), () =>
        this.#decide({
          title: t("ops.recovery.release"),
          sentence: t("ops.recovery.release-sentence", { lot: lot.lot_id }),
          path: `lots/${encodeURIComponent(lot.lot_id)}/release`,
        }),
      ),
    ];
  }

  #decisions(claim) {
    if (claim.status !== "open") return [];
    return ["accept", "decline"].map((decision) =>
      button(t(`ops.recovery.${decision}`), () =>
        this.#decide({
          title: t(`ops.recovery.${decision}`),
          sentence: t(`ops.recovery.${decision}-sentence`, claimWords(claim, this.#report.names)),
          path: `claims/${claim.claim_id}/${decision}`,
        }),
      ),
    );
  }

  async #decide({ title, sentence, path }) {
    const decided = await confirmAction({
      title,
      confirm: title,
      fields: { reason: reasonField("recovery-reason") },
      sentence: () => sentence,
      path: () => `/ops/recovery/${path}`,
      body: (values) => values,
      words: staffProblemText,
    });
    if (decided === null) return;
    this.#askedAt = Number.NEGATIVE_INFINITY;
    await this.refresh(null);
  }
}

const button = (words, onclick) => element("button", { class: "button small", type: "button", onclick }, words);

function row(what, title, facts, command, buttons = []) {
  return element(
    "li",
    { "data-what": what },
    element("strong", {}, title),
    facts ? element("span", { class: "soft" }, facts) : null,
    command ? element("code", {}, command) : null,
    buttons.length ? element("span", { class: "actions" }, ...buttons) : null,
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

/** What was lost, and whether the lot's settlement waits for staff. */
function restoredFacts(lot, names) {
  const decided = { by: nameIn(names, lot.decided_by), reason: lot.reason };
  const settlement = lot.settlement_held ? "ops.recovery.held" : "ops.recovery.undecided";
  return `${lostText(lot)} · ${t(lot.decided_at_ms === null ? settlement : "ops.recovery.released", decided)}`;
}

const nameIn = (names, person) => names[person] ?? person;

const claimWords = (claim, names) => ({
  lot: claim.lot_id,
  bidder: nameIn(names, claim.bidder_id),
  amount: yuan(claim.amount_fen),
  seq: claim.seq,
  when: shortDateTime(claim.at_ms),
});

const claimText = (claim, names) => t("ops.recovery.claim", claimWords(claim, names));

const claimFacts = (claim, names) =>
  t(`ops.recovery.claim-${claim.status}`, {
    when: shortDateTime(claim.claimed_at_ms),
    by: nameIn(names, claim.decided_by),
    reason: claim.reason,
  });
