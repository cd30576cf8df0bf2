// As much of a browser's document as the pages' modules touch, for tests in node: elements, attributes, events, focus.

class TestElement extends EventTarget {
  #text = "";
  #attributes = new Map();
  parentElement = null;
  children = [];
  hidden = false;
  disabled = false;
  value = "";
  placeholder = "";
  className = "";

  constructor(name) {
    super();
    this.localName = name;
    this.dataset = {};
    this.classList = {
      contains: (one) => this.className.split(" ").includes(one),
      toggle: (one, on) => {
        const others = this.className.split(" ").filter((each) => each && each !== one);
        this.className = [...others, ...(on ? [one] : [])].join(" ");
      },
    };
  }

  get id() {
    return this.#attributes.get("id") ?? "";
  }

  get textContent() {
    return this.#text + this.children.map((child) => child.textContent).join("");
  }

  set textContent(text) {
    this.replaceChildren();
    this.#text = String(text);
  }

  get childElementCount() {
    return this.children.length;
  }

  setAttribute(name, value) {
    this.#attributes.set(name, String(value));
    if (name === "class") this.className = value;
    if (name === "hidden" || name === "disabled") this[name] = true;
    if (name.startsWith("data-")) {
      this.dataset[name.slice(5).replace(/-(\w)/g, (_, letter) => letter.toUpperCase())] = String(value);
    }
  }

  getAttribute(name) {
    return this.#attributes.get(name) ?? null;
  }

  append(...added) {
    for (const one of added) {
      if (one instanceof TestElement) {
        one.remove();
        one.parentElement = this;
        this.children.push(one);
      } else this.#text += one;
    }
  }

  replaceChildren(...added) {
    for (const child of this.children) child.parentElement = null;
    this.children = [];
    this.#text = "";
    this.append(...added);
  }

  remove() {
    if (this.parentElement) this.parentElement.children = this.parentElement.children.filter((one) => one !== this);
    this.parentElement = null;
  }

  /** By the name of the element alone, which is all the modules under test ask for. */
  querySelectorAll(name) {
    return this.children.flatMap((child) => [
      ...(child.localName === name ? [child] : []),
      ...child.querySelectorAll(name),
    ]);
  }

  /** Pressed and released, as by a finger; nothing where it is disabled or hidden. */
  click() {
    if (!this.disabled && !this.hidden) this.dispatchEvent(new Event("click"));
  }

  showModal() {
    this.open = true;
  }

  close(value) {
    this.closeWith(value);
  }

  /** Close a dialog as its button of that value does. */
  closeWith(value) {
    this.open = false;
    this.returnValue = value;
    this.dispatchEvent(new Event("close"));
  }
}

/** Put a document in that language in place, with an empty element for each id; gives it. */
export function openDocument(language, elements) {
  const byId = new Map();
  const document = new TestElement("document");
  document.documentElement = { lang: language };
  document.activeElement = null;
  document.cookie = "";
  document.createElement = (name) => new TestElement(name);
  document.getElementById = (id) => byId.get(id) ?? null;
  for (const [id, name] of Object.entries(elements)) {
    const made = new TestElement(name);
    made.setAttribute("id", id);
    byId.set(id, made);
  }
  globalThis.document = document;
  return document;
}
