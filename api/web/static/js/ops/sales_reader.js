// What the server last told of sales and lots: everything at first, and after that only what changed.

/** Reads answers to `path` into a LotStore; knows the sales and the order of their lots. */
export class SalesReader {
  sales = [];
  /** Ids of all lots: newest sale first, by number. */
  order = [];
  #store;
  #revision = null;

  constructor(store) {
    this.#store = store;
  }

  /** Whether nothing was told yet. */
  get isEmpty() {
    return this.#revision === null;
  }

  /** Where to ask next. */
  get path() {
    return this.#revision ? `/ops/lots?since=${this.#revision}` : "/ops/lots";
  }

  take(answer) {
    if (answer.complete) this.sales = answer.sales.map(({ sale_id, title }) => ({ sale_id, title, lots: [] }));
    const fresh = [];
    for (const { sale_id, title, lots } of answer.sales) {
      let sale = this.sales.find((one) => one.sale_id === sale_id);
      if (!sale) {
        sale = { sale_id, title, lots: [] };
        fresh.push(sale);
      }
      for (const lot of lots) {
        if (!sale.lots.includes(lot.lot_id)) sale.lots.push(lot.lot_id);
        this.#store.take({ ...lot, sale_title: title });
      }
    }
    this.sales = [...fresh, ...this.sales];
    const told = new Set(answer.sales.flatMap((sale) => sale.lots.map((lot) => lot.lot_id)));
    this.order = this.sales.flatMap((sale) => sale.lots);
    for (const id of this.order) if (!told.has(id)) this.#store.pass(id, answer.now_ms);
    this.#revision = answer.revision;
  }

  /** A lot that was just created, until the server tells of it. */
  enter(lotId) {
    if (!this.order.includes(lotId)) this.order.unshift(lotId);
  }
}
