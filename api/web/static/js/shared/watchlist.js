// The lots that a visitor watches, kept in this browser.

const KEPT = "auction-watchlist";
const LOTS_MAX = 200;

/** The ids of the lots, the newest last; none where the browser keeps nothing. */
export function watchedLots(store = localStorage) {
  try {
    const kept = JSON.parse(store.getItem(KEPT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((lotId) => typeof lotId === "string") : [];
  } catch {
    return [];
  }
}

/** Watch a lot, or cease to; gives whether it is watched now. */
export function setWatched(lotId, isWatched, store = localStorage) {
  const others = watchedLots(store).filter((one) => one !== lotId);
  const lots = isWatched ? [...others, lotId].slice(-LOTS_MAX) : others;
  try {
    store.setItem(KEPT, JSON.stringify(lots));
  } catch {
    // a browser that keeps nothing watches nothing
  }
  return watchedLots(store).includes(lotId);
}
