// The events of a record, a page of lines at a time, however many there are; each opens to the line as it was published.

import { byId, element } from "../shared/element.js";
import { t, timeOfDay } from "../shared/i18n.js";
import { eventText } from "./event_text.js";

const PAGE = 100;

/** The list `#events` with its buttons; starts at the last page, where the end is. */
export class EventPages {
  #events = [];
  #from = 0;

  constructor() {
    byId("earlier").addEventListener("click", () => this.#show(this.#from - PAGE));
    byId("later").addEventListener("click", () => this.#show(this.#from + PAGE));
    byId("go-to").addEventListener("submit", (submitted) => {
      submitted.preventDefault();
      this.goTo(Number(byId("go-to-seq").value));
    });
  }

  /** Take the events of a record. */
  reset(events) {
    this.#events = events;
    this.#show(events.length);
  }

  /** Show the page with the first event of that seq or a later one, and mark that event. */
  goTo(seq) {
    const found = this.#events.findIndex(({ facts }) => facts.seq >= seq);
    const at = found < 0 ? this.#events.length - 1 : found;
    this.#show(at);
    const row = byId("events").children[at - this.#from];
    row?.classList.add("marked");
    row?.scrollIntoView({ block: "center" });
  }

  #show(at) {
    const lastPage = Math.max(0, Math.floor((this.#events.length - 1) / PAGE) * PAGE);
    this.#from = Math.min(lastPage, Math.max(0, Math.floor(at / PAGE) * PAGE));
    const some = this.#events.slice(this.#from, this.#from + PAGE);
    byId("events").replaceChildren(...some.map(row));
    byId("earlier").disabled = this.#from === 0;
    byId("later").disabled = this.#from === lastPage;
    const [first, last, count] = [this.#from + 1, this.#from + some.length, this.#events.length];
    const facts = { first: first.toLocaleString(), last: last.toLocaleString(), count: count.toLocaleString() };
    byId("shown").textContent = count ? t("record.shown", facts) : "";
  }
}

function row({ facts, body, head }) {
  const line = `${body.slice(0, -1)},"head":"${head}"}`;
  const summary = element(
    "summary",
    {},
    element("span", { class: "seq" }, `#${facts.seq}`),
    element("time", { datetime: new Date(facts.at_ms).toISOString(), class: "soft" }, timeOfDay(facts.at_ms)),
    element("span", { class: "what" }, eventText(facts)),
  );
  return element("li", { "data-type": facts.type }, element("details", {}, summary, element("code", {}, line)));
}
