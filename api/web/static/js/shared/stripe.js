// Stripe's own script, loaded once and only where it is needed: it alone sees cards and what their banks ask.

import { element } from "./element.js";
import { t } from "./i18n.js";

const SCRIPT = "https://js.stripe.com/v3/";

/** Stripe's object for a publishable key. */
export async function openStripe(publishableKey) {
  await loaded();
  return window.Stripe(publishableKey);
}

function loaded() {
  return new Promise((resolve, reject) => {
    if (window.Stripe) {
      resolve();
      return;
    }
    const script = element("script", { src: SCRIPT });
    script.addEventListener("load", () => resolve());
    script.addEventListener("error", () => {
      // the next attempt loads it again
      script.remove();
      reject(new Error(t("cards.no-form")));
    });
    document.head.append(script);
  });
}
