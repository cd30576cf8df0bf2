// The signed receipts that this browser keeps of a lot, whoever bid here (`lot/receipts.js` keeps them).

/** The receipts, the oldest first; those of earlier versions, which only the house can check, are left out. */
export function keptReceipts(lotId) {
  const found = [];
  try {
    for (let at = 0; at < localStorage.length; at += 1) {
      const name = localStorage.key(at);
      if (!name.startsWith("auction.receipts:") || !name.endsWith(`:${lotId}`)) continue;
      found.push(...JSON.parse(localStorage.getItem(name)));
    }
  } catch {
    return [];
  }
  return found.map(({ receipt }) => receipt).filter((receipt) => receipt?.startsWith("R1."));
}
