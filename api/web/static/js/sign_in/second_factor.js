// The second step of staff's sign-in: a code of their authenticator app, or setting one up at the first sign-in.

import { post } from "../shared/api.js";
import { byId, element, setText } from "../shared/element.js";
import { t } from "../shared/i18n.js";

const CARDS = ["sign-form", "code-form", "setup-form", "recovery"];

/**
 * Goes on where a password alone did not sign in. `credentials()` gives user name and password, `tell(problem)` says what
 * went wrong (null: nothing), `signedIn(identity)` is called at the end.
 */
export class SecondFactor {
  #credentials;
  #tell;
  #signedIn;
  #identity = null;

  constructor({ credentials, tell, signedIn }) {
    this.#credentials = credentials;
    this.#tell = tell;
    this.#signedIn = signedIn;
    this.#onSubmit("code-form", "code", async (code) => {
      const { identity } = await post("/auth/session", { ...this.#credentials(), code });
      signedIn(identity);
    });
    this.#onSubmit("setup-form", "first-code", async (code) => {
      const answer = await post("/auth/second-factor/confirm", { ...this.#credentials(), code });
      this.#showRecoveryCodes(answer);
    });
    byId("other-phone").addEventListener("click", () => this.#setUpAnother());
    byId("recovery-copy").addEventListener("click", () => this.#copy());
    byId("recovery-saved").addEventListener("click", () => this.#signedIn(this.#identity));
  }

  /** The password was right, and a code is needed. */
  askForCode() {
    show("code-form", "code");
  }

  /** The account has no authenticator yet, or `code` allows to replace it. */
  async setUp(code = "") {
    const enrolment = await post("/auth/second-factor", { ...this.#credentials(), code });
    const src = `data:image/svg+xml,${encodeURIComponent(enrolment.qr_svg)}`;
    const drawn = element("img", { id: "qr", src, alt: t("factor.qr"), width: 220, height: 220 });
    byId("qr-place").replaceChildren(drawn);
    setText(byId("secret"), enrolment.secret.match(/.{1,4}/g).join(" "));
    show("setup-form", "setup-title");
  }

  #onSubmit(form, field, send) {
    byId(form).addEventListener("submit", async (event) => {
      event.preventDefault();
      const code = byId(field).value.trim();
      if (!code) {
        this.#tell(t("factor.missing"));
        byId(field).focus();
        return;
      }
      await this.#attempt(form, async () => {
        await send(code);
      });
    });
  }

  async #setUpAnother() {
    const code = byId("code").value.trim();
    if (!code) {
      this.#tell(t("factor.missing"));
      byId("code").focus();
      return;
    }
    await this.#attempt("code-form", () => this.setUp(code));
  }

  async #attempt(form, work) {
    const buttons = byId(form).querySelectorAll("button");
    this.#tell(null);
    for (const button of buttons) button.disabled = true;
    try {
      await work();
    } catch (problem) {
      this.#tell(problem);
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }

  #showRecoveryCodes({ identity, recovery_codes: codes }) {
    this.#identity = identity;
    byId("recovery-codes").replaceChildren(...codes.map((code) => element("li", {}, code)));
    show("recovery", "recovery-title");
  }

  async #copy() {
    const codes = [...byId("recovery-codes").children].map((item) => item.textContent);
    try {
      await navigator.clipboard.writeText(codes.join("\n"));
      setText(byId("recovery-said"), t("factor.copied"));
    } catch {
      // no clipboard without TLS: select them, so that they can be copied by hand
      getSelection()?.selectAllChildren(byId("recovery-codes"));
    }
  }
}

function show(card, focused) {
  for (const id of CARDS) byId(id).hidden = id !== card;
  byId(focused).focus();
}
