// English: the prices of all lots.

export const words = {
  "prices.link": "All prices",
  "prices.title": "Prices",
  "prices.intro":
    "What every lot was offered and sold for. The amount of a reserve is not published, only whether it was met.",
  "prices.none": "No lots have been published yet.",
  "prices.cannot-load": "The prices could not be loaded. Please try again.",
  "prices.lot": "Lot",
  "prices.list-price": "List price",
  "prices.reserve": "Reserve",
  "prices.met": "Met",
  "prices.unmet": "Not met",
  "prices.bids": "Bids",
  "prices.price": "Highest bid",
  "prices.final": "Final price",
  "prices.fee": "Buyer's fee",
  "prices.total": "Total",
  "prices.end": "End",
  "prices.outcome.sold": "Not sold: not paid",
  "prices.outcome.no-bids": "Not sold: no bids",
  "prices.outcome.reserve-unmet": "Not sold: reserve not met",
  "prices.outcome.void": "Void",
  "prices.csv": "Download CSV",
  "prices.json": "JSON",
};
