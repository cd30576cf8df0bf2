// A list kept in place: its children stay the same elements, so that nothing moves under a finger and no choice is lost.

/** `make(key)` gives {root, show(facts)} for an entry seen for the first time. */
export class KeyedList {
  #host;
  #make;
  #known = new Map();

  constructor(host, make) {
    this.#host = host;
    this.#make = make;
  }

  /** Show these entries in this order; what is no longer among them goes. */
  show(entries, keyOf) {
    const wanted = new Set(entries.map(keyOf));
    for (const [key, entry] of this.#known) {
      if (wanted.has(key)) continue;
      entry.root.remove();
      this.#known.delete(key);
    }
    entries.forEach((facts, index) => {
      const key = keyOf(facts);
      if (!this.#known.has(key)) this.#known.set(key, this.#make(key));
      const entry = this.#known.get(key);
      if (this.#host.children[index] !== entry.root) this.#place(entry.root, index);
      entry.show(facts);
    });
  }

  #place(root, index) {
    const active = root.contains(document.activeElement) ? document.activeElement : null;
    this.#host.insertBefore(root, this.#host.children[index] ?? null);
    active?.focus({ preventScroll: true });
  }

  /** The entries shown, by key. */
  get entries() {
    return this.#known;
  }
}
