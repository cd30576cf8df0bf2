// The presets as the server has them: what each is called in the page's language, and how long bidding usually lasts.

import { get } from "../shared/api.js";
import { language } from "../shared/i18n.js";

let presets = new Map();

/** Fetch the presets, in their order, unless they are here already; throws a Problem where the server does not answer. */
export async function loadPresets() {
  if (presets.size === 0) {
    const answer = await get("/ops/presets");
    const ordered = [...answer.presets].sort((a, b) => a.order - b.order);
    presets = new Map(ordered.map((preset) => [preset.name, preset]));
  }
  return [...presets.values()];
}

/** A preset that was fetched, by its name; undefined where there is none. */
export const presetOf = (name) => presets.get(name);

/** What a preset is called and what it is for, `{name, description}`; its bare name while nothing is known of it. */
export const presetLabel = (name) => presets.get(name)?.labels[language] ?? { name, description: "" };
