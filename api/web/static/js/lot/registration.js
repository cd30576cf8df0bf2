// Registering for a lot and raising its deposit: the forms, and asking again while the payment provider has not decided.

import { get, Problem, post } from "../shared/api.js";
import { ConfirmationPanel, failedText } from "../shared/confirmation.js";
import { element } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { readYuan, yuan, yuanShort } from "../shared/money.js";
import { forgetPaymentKey, isFinalAnswer, paymentBody, paymentField, paymentKey } from "../shared/payment.js";
import { problemText } from "../shared/problems.js";
import { depositText } from "../shared/terms_text.js";

const AGAIN_MS = 2000;
const REGISTRATION_OPEN = ["scheduled", "open", "paused", "held"];

const path = (lotId, rest) => `/lots/${encodeURIComponent(lotId)}/${rest}`;
const later = () => new Promise((resolve) => setTimeout(resolve, AGAIN_MS));

/** Ask, and while the provider has not decided (or is away), ask the same again. Throws the Problem of a refusal. */
async function untilDecided(ask, isDecided, waiting) {
  for (let asked = false; ; asked = true) {
    try {
      const answer = await ask();
      if (isDecided(answer)) return answer;
      waiting(answer);
    } catch (problem) {
      const kept = asked || problem.code === "payments-away";
      if (isFinalAnswer(problem) || !kept) throw problem;
      waiting(null);
    }
    await later();
  }
}

/** See a registration through that was asked for; gives it once there is a paddle. Throws the Problem of a refusal.

`waiting(confirmation)` is called while there is none: with what the card's owner is to confirm, or null. */
export async function registerForLot(lotId, body, waiting) {
  const ask = () => post(path(lotId, "registrations"), body);
  const first = await untilDecided(
    ask,
    () => true,
    () => waiting(null),
  );
  if (first.paddle !== null) return first;
  waiting(first.confirmation);
  // to register again after a failure would put down another deposit
  await depositHeld(first.deposit.deposit_id, waiting);
  return untilDecided(
    ask,
    (answer) => answer.paddle !== null,
    () => waiting(null),
  );
}

/** Wait until a deposit is not pending any more. Throws a Problem where it has failed. */
async function depositHeld(depositId, waiting) {
  const own = (mine) => mine.deposits.find((one) => one.deposit_id === depositId);
  const mine = await untilDecided(
    () => get("/me/deposits"),
    (found) => own(found)?.status !== "pending",
    (found) => found && waiting(own(found).confirmation),
  );
  const deposit = own(mine);
  if (deposit?.status !== "failed") return;
  const facts = { code: "deposit-declined", failure: deposit.why, amount_fen: deposit.amount_fen };
  throw new Problem({ ...facts, detail: failedText(facts) }, 409);
}

/** The form that accepts the terms and puts the deposit down; `send(body)` settles when it may be used again. */
export function registrationForm(lot, provider, send, refusal) {
  const { deposit } = lot.terms;
  const consent = element("input", { type: "checkbox", id: "accept-terms", required: true });
  const choice =
    deposit.policy === "ladder"
      ? bandChoice(
          "deposit-band",
          t("lot.choose-deposit"),
          deposit.bands.map((band) => [band.deposit_fen, bandWords(band)]),
        )
      : null;
  const method = deposit.policy === "none" ? null : paymentField("register-method", provider);
  const button = element("button", { class: "button main wide", id: "register" }, t("lot.register"));
  const wrong = element("p", { class: "notice bad", role: "alert", hidden: !refusal }, refusal);
  const form = element(
    "form",
    { class: "register", novalidate: true },
    element("p", {}, t(`lot.deposit.${deposit.policy}`, { deposit: depositText(deposit) })),
    choice,
    method?.root ?? null,
    element("label", { class: "consent" }, consent, element("span", {}, t("lot.accept-terms"))),
    wrong,
    button,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    wrong.hidden = consent.checked;
    wrong.textContent = consent.checked ? "" : t("lot.accept-first");
    if (!consent.checked || button.disabled) return;
    button.disabled = true;
    const body = { accept_terms: true, ...paymentBody(method) };
    if (choice) body.deposit_fen = Number(choice.querySelector("select").value);
    await send(body);
    button.disabled = false;
  });
  return form;
}

function bandWords(band) {
  return t(band.limit_fen === null ? "terms.ladder-open" : "terms.ladder", {
    deposit: yuanShort(band.deposit_fen),
    limit: band.limit_fen === null ? "" : yuanShort(band.limit_fen),
  });
}

function bandChoice(id, label, choices) {
  const options = choices.map(([value, words]) => element("option", { value }, words));
  return element("div", { class: "field" }, element("label", { for: id }, label), element("select", { id }, options));
}

/** What more deposit could do on a ladder: [[amount to add, words]], nothing where there is no higher rung. */
function rungs(deposit, registration) {
  return deposit.bands
    .filter(
      (band) =>
        band.deposit_fen > registration.deposit.held_fen &&
        (band.limit_fen === null || band.limit_fen > registration.limit_fen),
    )
    .map((band) => {
      const more = band.deposit_fen - registration.deposit.held_fen;
      const limit = band.limit_fen === null ? "" : yuanShort(band.limit_fen);
      return [more, t(band.limit_fen === null ? "top-up.rung-open" : "top-up.rung", { more: yuanShort(more), limit })];
    });
}

/** Whether a higher deposit would let this bidder bid more on a lot in this status. */
export function canTopUp(lot, registration, status) {
  if (!registration || !REGISTRATION_OPEN.includes(status)) return false;
  const { deposit } = lot.terms;
  if (deposit.policy === "purse") return true;
  return deposit.policy === "ladder" && registration.limit_fen !== null && rungs(deposit, registration).length > 0;
}

/** The form for more deposit; `raised(answer)` is called with the new limit. It shows its own problems. */
export function topUpForm({ lotId, lot, registration, provider, raised }) {
  const { deposit } = lot.terms;
  const ladder = deposit.policy === "ladder";
  const choice = ladder ? bandChoice("top-up-band", t("top-up.choose"), rungs(deposit, registration)) : null;
  const input = ladder
    ? null
    : element("input", {
        id: "top-up-amount",
        class: "numbers",
        inputmode: "decimal",
        autocomplete: "off",
        "aria-describedby": "top-up-hint",
      });
  const field = ladder
    ? choice
    : element(
        "div",
        { class: "field" },
        element("label", { for: "top-up-amount" }, t("top-up.amount")),
        input,
        element("span", { class: "hint", id: "top-up-hint" }, t("top-up.purse-hint", { times: deposit.multiplier })),
      );
  const method = paymentField("top-up-method", provider);
  const button = element("button", { class: "button main", id: "top-up-send" }, t("top-up.send"));
  const outcome = element("p", { class: "notice", id: "top-up-outcome", role: "status", hidden: true });
  const panel = new ConfirmationPanel({ provider, decided: (answer) => confirmed(answer) });
  const form = element("form", { novalidate: true }, field, method.root, button, outcome);
  const root = element(
    "details",
    { class: "top-up", id: "top-up" },
    element("summary", {}, t("top-up.title")),
    panel.root,
    form,
  );

  /** What was left to be confirmed when the page was left is offered again. */
  function resume(confirmation) {
    root.open = true;
    form.hidden = true;
    panel.show(confirmation);
  }

  function confirmed(answer) {
    form.hidden = false;
    if (answer.status === "failed") tell("bad", failedText(answer));
    else if (!button.disabled) raised(null);
  }

  function tell(tone, words) {
    outcome.className = `notice ${tone}`;
    outcome.textContent = words;
    outcome.hidden = !words;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    const { fen: amount, mistake } = ladder
      ? { fen: Number(choice.querySelector("select").value) }
      : readYuan(input.value);
    if (mistake) {
      tell("bad", t(`amount.${mistake}`));
      return;
    }
    button.disabled = true;
    const intent = `top-up ${lotId} ${amount}`;
    const key = paymentKey(intent);
    const body = { amount_fen: amount, ...paymentBody(method) };
    tell("", t("top-up.sending", { amount: yuan(amount) }));
    try {
      const ask = () => post(path(lotId, "deposits"), body, { key });
      const answer = await untilDecided(
        ask,
        (found) => found.status !== "pending",
        (found) => {
          const confirmation = found?.confirmation ?? null;
          const isNew = confirmation && panel.root.hidden;
          tell("", confirmation ? "" : t("top-up.waiting", { amount: yuan(amount) }));
          form.hidden = confirmation !== null;
          panel.show(confirmation);
          if (isNew) panel.open();
        },
      );
      panel.show(null);
      forgetPaymentKey(intent);
      raised(answer);
    } catch (problem) {
      if (isFinalAnswer(problem)) forgetPaymentKey(intent);
      form.hidden = false;
      panel.show(null);
      tell("bad", isFinalAnswer(problem) ? refusalText(problem, amount) : t("top-up.no-answer"));
      button.disabled = false;
    }
  });
  return { root, resume };
}

/** Why a deposit was refused. */
export function refusalText(problem, amountFen) {
  if (problem.code === "deposit-declined") return failedText(problem.facts);
  return problemText(problem, amountFen === undefined ? {} : { amount: yuan(amountFen) });
}
