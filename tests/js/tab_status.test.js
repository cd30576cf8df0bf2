// The browser's tab of a lot: what its title and icon say.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openDocument } from "./dom.js";

openDocument("en", {});
const { TabStatus } = await import("../../api/web/static/js/lot/tab_status.js");
const { t } = await import("../../api/web/static/js/shared/i18n.js");

function tab() {
  openDocument("en", { icon: "link" });
  const icon = document.getElementById("icon");
  return { icon, shown: new TabStatus("Car No. 001", icon) };
}

const facts = { price: "2,000.00", title: "Car No. 001" };

test("before the first bid it is the lot's title", () => {
  const { icon, shown } = tab();
  shown.show({ status: "open", price_fen: 0 });
  assert.equal(document.title, `Car No. 001 · ${t("brand")}`);
  assert.equal(icon.getAttribute("href"), "/static/icon.svg");
});

test("price and standing are told while the lot runs, and not after it", () => {
  const { icon, shown } = tab();
  shown.show({ status: "open", price_fen: 200_000 });
  assert.equal(document.title, t("lot.tab-price", facts));
  shown.standing({ leading: true });
  assert.equal(document.title, t("lot.tab-leading", facts));
  assert.equal(icon.getAttribute("href"), "/static/icon-leading.svg");
  shown.standing({ leading: false, outbid_by: 7 });
  assert.equal(document.title, t("lot.tab-outbid", facts));
  assert.equal(icon.getAttribute("href"), "/static/icon-outbid.svg");
  shown.show({ status: "closed", price_fen: 200_000 });
  assert.equal(document.title, `Car No. 001 · ${t("brand")}`);
  assert.equal(icon.getAttribute("href"), "/static/icon.svg");
});

test("who has not bid has no standing", () => {
  const { shown } = tab();
  shown.standing({ leading: false, outbid_by: null });
  shown.show({ status: "paused", price_fen: 200_000 });
  assert.equal(document.title, t("lot.tab-price", facts));
});
