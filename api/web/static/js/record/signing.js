// Hashes and the house's signatures, by the browser's own WebCrypto: what it lacks is said, never taken for good.

const utf8 = new TextEncoder();

/** Text as bytes. */
export const bytesOf = (text) => utf8.encode(text);

/** Whether this browser hashes here: it does on secure connections alone. */
export const canHash = () => Boolean(globalThis.crypto?.subtle);

/** SHA-256 of all parts, one after the other. */
export async function sha256(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export const fromHex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** Bytes from base64url without padding; null for any other text. */
export function fromBase64Url(text) {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  // two texts for the same bytes would be two receipts for one bid
  const again = btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  return again === text ? bytes : null;
}

/** The public keys of the house, as `/.well-known/auction-keys.json` lists them. */
export class HouseKeys {
  #keys;

  constructor(keys) {
    this.#keys = keys;
  }

  /** Take a list; null where this browser knows no Ed25519. */
  static async from(listed) {
    if (!canHash()) return null;
    const keys = new Map();
    for (const { crv, kid, x } of listed.keys) {
      const raw = crv === "Ed25519" ? fromBase64Url(x) : null;
      if (!raw) continue;
      try {
        keys.set(kid, await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"]));
      } catch {
        return null;
      }
    }
    return new HouseKeys(keys);
  }

  has(kid) {
    return this.#keys.has(kid);
  }

  /** Whether the key with that id gave this signature (base64url) of this text. */
  async verify(kid, signature, text) {
    const key = this.#keys.get(kid);
    const raw = fromBase64Url(signature);
    return Boolean(key && raw) && (await crypto.subtle.verify({ name: "Ed25519" }, key, raw, bytesOf(text)));
  }
}
