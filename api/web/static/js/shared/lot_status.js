// The status under which a lot is shown: one whose ledger is being recovered is shown as frozen, from its archive.

/** Whether nothing is decided on it now, since its record or the ledger that it is in is being recovered. */
export function isBeingRecovered(lot) {
  return lot.status === "frozen" || Boolean(lot.ledger_away && lot.status !== "closed" && lot.status !== "void");
}

/** The lot with the status under which it is shown. */
export function withShownStatus(lot) {
  return isBeingRecovered(lot) ? { ...lot, status: "frozen" } : lot;
}
