// The cards that a bidder has saved: in the payment provider's own form, or, with the sandbox, in one of the house's.

import { get, post, remove } from "../shared/api.js";
import { byId, element, setText } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { cardName, SANDBOX_CARDS, tellCardsChanged } from "../shared/payment.js";
import { problemText } from "../shared/problems.js";
import { openStripe } from "../shared/stripe.js";

const PATH = "/me/payment-methods";

/** Show the cards, and the form that saves one. */
export async function showCards({ provider, announce }) {
  const outcome = element("p", { class: "notice", role: "status", hidden: true });
  const button = element("button", { class: "button", id: "save-card" });
  const place = element("div", { id: "card-place" });
  const form = byId("card-form");
  form.replaceChildren(place, button, outcome);
  const tell = (tone, text) => {
    outcome.className = `notice ${tone}`;
    outcome.hidden = !text;
    setText(outcome, text);
    if (text) announce(text);
  };

  async function list() {
    const { payment_methods: cards } = await get(PATH);
    byId("cards").replaceChildren(...cards.map((card) => cardLine(card, removed, tell)));
    byId("cards").hidden = cards.length === 0;
  }

  async function removed(text) {
    tell("good", text);
    tellCardsChanged();
    await list();
  }

  async function saved(body) {
    const card = await post(PATH, body);
    tell("good", t("cards.saved", { card: cardName(card) }));
    tellCardsChanged();
    await list();
  }

  const editor = provider === "sandbox" ? houseForm(place, button) : providerForm(place, button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    tell("", "");
    try {
      const body = await editor.confirm();
      if (body) await saved(body);
    } catch (problem) {
      tell("bad", problem.code ? problemText(problem) : problem.message);
    } finally {
      button.disabled = false;
    }
  });
  try {
    await list();
    const returned = new URLSearchParams(location.search).get("setup_intent");
    if (returned) {
      history.replaceState(null, "", location.pathname);
      await saved({ setup_id: returned });
    }
  } catch (problem) {
    tell("bad", problemText(problem));
  }
}

function cardLine(card, removed, tell) {
  const name = cardName(card);
  const button = element("button", {
    class: "button",
    type: "button",
    "aria-label": t("cards.remove-one", { card: name }),
  });
  setText(button, t("cards.remove"));
  const until = card.exp_year
    ? t("cards.until", { month: String(card.exp_month).padStart(2, "0"), year: card.exp_year })
    : "";
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await remove(`${PATH}/${encodeURIComponent(card.method_id)}`);
      await removed(t("cards.removed", { card: name }));
    } catch (problem) {
      button.disabled = false;
      tell("bad", problemText(problem));
    }
  });
  return element(
    "li",
    { class: "line saved-card", "data-card": card.method_id },
    element("span", {}, name),
    element("span", { class: "soft" }, until),
    button,
  );
}

/** The sandbox has no form of its own: choose one of its cards. */
function houseForm(place, button) {
  const choice = element(
    "select",
    { id: "new-card" },
    SANDBOX_CARDS.map(([card, words]) => element("option", { value: card }, t(words))),
  );
  place.replaceChildren(
    element("div", { class: "field" }, element("label", { for: "new-card" }, t("cards.new")), choice),
  );
  setText(button, t("cards.save"));
  return {
    confirm: async () => ({ setup_id: (await post(`${PATH}/setups`, {})).setup_id, card: choice.value }),
  };
}

/** The provider's own form, which alone sees the number; its owner confirms there, with 3-D Secure where it is wanted. */
function providerForm(place, button) {
  let opened = null;
  setText(button, t("cards.add"));

  async function open() {
    const setup = await post(`${PATH}/setups`, {});
    const stripe = await openStripe(setup.publishable_key);
    const elements = stripe.elements({ clientSecret: setup.client_secret });
    elements.create("payment").mount(place);
    opened = { stripe, elements, setup };
    setText(button, t("cards.save"));
  }

  async function confirm() {
    if (!opened) {
      await open();
      return null;
    }
    const { stripe, elements, setup } = opened;
    const { error } = await stripe.confirmSetup({
      elements,
      redirect: "if_required",
      confirmParams: { return_url: `${location.origin}/me` },
    });
    if (error) throw new Error(error.message);
    opened = null;
    place.replaceChildren();
    setText(button, t("cards.add"));
    return { setup_id: setup.setup_id };
  }

  return { confirm };
}
