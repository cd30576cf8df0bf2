// Names with values beside them (a `dl`), changed in place: what did not change is not touched.

import { element, setText } from "./element.js";
import { t } from "./i18n.js";

/** Show [[name of the label's text, value, data attributes]] in `host`; the attributes are put on the row. */
export function showDefinitions(host, rows) {
  while (host.childElementCount > rows.length) host.lastElementChild.remove();
  while (host.childElementCount < rows.length) {
    host.append(element("div", {}, element("dt"), element("dd")));
  }
  for (const [index, [name, value, data = {}]] of rows.entries()) {
    const row = host.children[index];
    setText(row.firstElementChild, t(name));
    setText(row.lastElementChild, value);
    Object.assign(row.dataset, data);
  }
}
