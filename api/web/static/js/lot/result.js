// Who leads, what state the lot is in, and after its end what it means to who is looking; asked for while it can change.

import { get } from "../shared/api.js";
import { byId, element, setText } from "../shared/element.js";
import { dateTime, joinSentences, t } from "../shared/i18n.js";
import { yuan } from "../shared/money.js";
import { outcomeOf } from "../shared/outcome.js";

const FIRST_WITHIN_MS = 1000;
const UNSETTLED_EVERY_MS = 1000;
const EVERY_MS = 5000;
const IDLE_EVERY_MS = 30_000;
const ANSWERS_BEFORE_IDLE = 12;
const STATE_TONES = { paused: "warn", held: "warn", frozen: "bad", draft: "", scheduled: "" };

/**
 * `lot` is the lot as it was loaded. `ownPaddle()` gives the visitor's paddle or null, `announce(text)` speaks,
 * `ended(outcome)` is told what the end of the lot means to the visitor, each time that changes or is shown again.
 */
export class LotResult {
  #lot;
  #ownPaddle;
  #announce;
  #ended;
  #facts = null;
  #latest = null;
  #isPolling = false;
  #pauseCause = "staff";
  #shownPaused = false;

  constructor({ lot, ownPaddle, announce, ended }) {
    this.#lot = lot;
    this.#ownPaddle = ownPaddle;
    this.#announce = announce;
    this.#ended = ended;
  }

  /** What the end of the lot means to who is looking, as `outcomeOf` gives it; null while bidding is not over. */
  get outcome() {
    if (!this.#facts) return null;
    const { status, leader, price_fen, outcome } = this.#facts;
    const known = { ...this.#lot, ...this.#latest, status, leader, price_fen };
    return outcomeOf({ ...known, outcome: outcome ?? known.outcome, my_paddle: known.my_paddle ?? this.#ownPaddle() });
  }

  /** The lot was paused: by staff, or because of an outage. */
  paused(cause) {
    this.#pauseCause = cause;
    if (this.#facts) this.#showState(this.#facts);
  }

  /** Show the lot's newest state. */
  show(facts) {
    this.#facts = facts;
    // a page that was loaded during the pause has heard no event
    if (facts.pause_cause) this.#pauseCause = facts.pause_cause;
    else if (facts.status !== "paused" && this.#shownPaused) this.#pauseCause = "staff";
    this.#shownPaused = facts.status === "paused";
    const outcome = this.outcome;
    this.#showStatus(outcome?.stage === "void" ? "void" : facts.status);
    this.showLeader();
    if (outcome) this.#showOutcome(outcome);
    else this.#showState(facts);
    if (!outcome) return;
    this.#ended(outcome);
    this.#poll();
  }

  #showStatus(status) {
    byId("lot").dataset.status = status;
    const badge = byId("status");
    badge.dataset.status = status;
    setText(badge, t(`status.${status}`));
  }

  /** The line under the price: who leads, or who won. */
  showLeader() {
    if (!this.#facts) return;
    const line = byId("leader");
    const { leader } = this.#facts;
    const { outcome } = this;
    const isOwn = Boolean(leader) && leader === this.#ownPaddle();
    const isFrozen = this.#facts.status === "frozen";
    line.classList.toggle("you", outcome ? outcome.tone === "good" : isOwn && !isFrozen);
    if (outcome) setText(line, t(outcome.title, { paddle: outcome.paddle }));
    else if (isFrozen) setText(line, t("lot.frozen-leader"));
    else if (leader) setText(line, t(isOwn ? "lot.you-lead" : "lot.leads", { paddle: leader }));
    else setText(line, t("lot.nobody-leads"));
  }

  #showState({ status }) {
    const note = byId("state-note");
    note.hidden = !(status in STATE_TONES);
    if (note.hidden) return;
    note.className = `state-note notice ${STATE_TONES[status]}`;
    const why = status === "paused" && this.#pauseCause === "outage" ? "outage" : status;
    setText(note, t(`lot.note.${why}`, { when: dateTime(this.#lot.opens_at_ms ?? 0) }));
  }

  #showOutcome({ viewer, stage, paddle, priceFen, sentences, tone }) {
    const note = byId("state-note");
    note.hidden = false;
    note.className = `state-note notice ${tone}`;
    note.dataset.viewer = viewer;
    note.dataset.stage = stage;
    const text = joinSentences(sentences.map((name) => t(name, { paddle, price: yuan(priceFen) })));
    if (note.firstElementChild?.textContent === text) return;
    note.replaceChildren(element("span", {}, text), ...this.#newLotLink());
    if (viewer !== "watcher") this.#announce(text);
  }

  #newLotLink() {
    const newLot = this.#latest?.relisted_as ?? this.#lot.relisted_as;
    if (!newLot) return [];
    return [" ", element("a", { id: "new-lot", href: `/lots/${encodeURIComponent(newLot)}` }, t("outcome.new-lot"))];
  }

  async #poll() {
    if (this.#isPolling) return;
    this.#isPolling = true;
    // those who watched the end do not all ask in the same moment
    let waitMs = Math.random() * FIRST_WITHIN_MS;
    for (let answers = 0; !(this.#latest && this.outcome.isFinal); ) {
      await new Promise((done) => setTimeout(done, waitMs));
      if (document.hidden) continue;
      try {
        this.#latest = await get(`/lots/${encodeURIComponent(this.#lot.lot_id)}`);
        answers += 1;
        this.show(this.#facts);
      } catch {
        // what is shown stays true, and is asked for again
      }
      waitMs = this.#nextWait(answers);
    }
  }

  /** Often until the award is made; seldom where it has not changed for long and nothing is asked of the visitor. */
  #nextWait(answers) {
    const { stage, action } = this.outcome;
    if (!this.#latest?.settlement && stage !== "void") return UNSETTLED_EVERY_MS;
    return answers > ANSWERS_BEFORE_IDLE && !action ? IDLE_EVERY_MS : EVERY_MS;
  }
}
