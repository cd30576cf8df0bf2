// Banners of the staff page: a server that is away, an archive that lags, a lost live channel or connection.

import { element } from "../shared/element.js";
import { t, timeOfDay } from "../shared/i18n.js";
import { durationText } from "../shared/staff_text.js";

const LAG_MS = 3000;
const LAG_BAD_MS = 60_000;

/** What is wrong with the servers, by their health answer. */
function serverWarnings(health) {
  const found = [];
  if (health.ledger !== "ok") found.push(["ledger", "bad", t("ops.trouble.ledger")]);
  else if (health.ledger_memory !== "ok") {
    found.push(["memory", "bad", t("ops.trouble.memory", { detail: health.ledger_memory })]);
  }
  if (health.books !== "ok") found.push(["books", "bad", t("ops.trouble.books")]);
  else if (health.migrations !== "ok" && health.ledger === "ok") {
    found.push(["migrations", "warn", t("ops.trouble.migrations", { detail: health.migrations })]);
  }
  if (health.shards_stopped?.length) {
    found.push(["shards", "bad", t("ops.trouble.shards", { shards: health.shards_stopped.join(", ") })]);
  }
  if (health.lots_frozen?.length) {
    found.push(["frozen", "bad", t("ops.trouble.frozen", { lots: health.lots_frozen.join(", ") })]);
  }
  const lagMs = health.archive?.behind_ms ?? 0;
  if (lagMs > LAG_MS) {
    const facts = { lag: durationText(Math.floor(lagMs / 1000) * 1000), shards: health.archive.shards };
    found.push(["archive", lagMs > LAG_BAD_MS ? "bad" : "warn", t("ops.trouble.archive", facts)]);
  }
  return found;
}

/** What is wrong now: [[name, tone, words]], nothing when all is well. */
export function activeWarnings({ health, reached, liveLost, overdue }) {
  if (!reached.ok)
    return [["connection", "bad", t("ops.trouble.connection", { at: reached.at ? timeOfDay(reached.at) : "–" })]];
  const found = health ? serverWarnings(health) : [];
  if (liveLost) found.push(["live", "warn", t("ops.trouble.live")]);
  if (overdue)
    found.push([
      "clerk",
      "bad",
      t(health && health.ledger !== "ok" ? "ops.trouble.overdue" : "ops.trouble.clerk", { title: overdue.title }),
    ]);
  return found;
}

/** Shows the active warnings; a banner that stays is changed in place. */
export class Banners {
  #host;

  constructor(host) {
    this.#host = host;
  }

  show(found) {
    for (const banner of [...this.#host.children]) {
      if (!found.some(([name]) => name === banner.dataset.trouble)) banner.remove();
    }
    for (const [name, tone, words] of found) {
      let banner = [...this.#host.children].find((one) => one.dataset.trouble === name);
      if (!banner) {
        banner = element("p", { "data-trouble": name });
        this.#host.append(banner);
      }
      banner.className = `notice ${tone}`;
      if (banner.textContent !== words) banner.textContent = words;
    }
  }
}
