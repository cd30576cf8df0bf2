// Requests to the API: JSON in and out, problems as data, the session's CSRF token on every change.

/** An answer that is not a success: `code` and the facts beside it, as the server gave them. */
export class Problem extends Error {
  constructor(body, status) {
    super(body.detail ?? body.title ?? `HTTP ${status}`);
    this.code = body.code ?? "unknown";
    this.status = status;
    this.facts = body;
  }
}

function csrfToken() {
  const found = /(?:^|; )auction_csrf=([^;]+)/.exec(document.cookie);
  return found ? decodeURIComponent(found[1]) : "";
}

async function ask(method, path, { body, key, signal, file, code } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (file) headers["Content-Type"] = "text/csv";
  if (method !== "GET") headers["X-CSRF-Token"] = csrfToken();
  if (key) headers["Idempotency-Key"] = key;
  if (code) headers["X-Second-Factor"] = code;
  let response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      signal,
      body: file ?? (body === undefined ? undefined : JSON.stringify(body)),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ code: "no-connection", detail: String(error) }, 0);
  }
  const text = await response.text();
  let answer = {};
  try {
    answer = text ? JSON.parse(text) : {};
  } catch {
    throw new Problem({ code: "unknown", detail: response.statusText }, response.status);
  }
  if (!response.ok) throw new Problem(answer, response.status);
  return answer;
}

/** A signal that aborts a request after so many ms, where the browser has one. */
export const timeoutSignal = (ms) => (AbortSignal.timeout ? AbortSignal.timeout(ms) : undefined);

export const get = (path, options) => ask("GET", path, options);
export const post = (path, body, options) => ask("POST", path, { ...options, body });
export const put = (path, body, options) => ask("PUT", path, { ...options, body });
/** Send a CSV file as it is. */
export const upload = (path, file, options) => ask("POST", path, { ...options, file });
/** Whether a request was refused for want of the code that shows a second person; `{ code }` sends it. */
export const needsCode = (problem) => problem.code === "code-required" || problem.code === "code-wrong";
export const remove = (path) => ask("DELETE", path);

/** A new idempotency key: 32 visible characters. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Place a bid and see it through: over the live `channel` where there is one, else by HTTP; while the outcome is unknown,
 * the same key goes again by HTTP, at most `tries` times, so that nothing is bid twice. Gives the receipt; throws a
 * Problem for a refusal, or for an outcome that stayed unknown.
 */
export async function placeBid(lotId, offer, { tries = 6, channel = null } = {}) {
  const key = newKey();
  const answer = await channel?.place({ key, offer });
  if (answer && answer.status < 300) return answer.body;
  if (answer?.status === 409) throw new Problem(answer.body, 409);
  for (let attempt = 1; ; attempt += 1) {
    try {
      const signal = timeoutSignal(8000);
      return await post(`/lots/${encodeURIComponent(lotId)}/bids`, offer, { key, signal });
    } catch (error) {
      const passing = !(error instanceof Problem) || error.status === 0 || error.status === 503 || error.status === 429;
      if (!passing || attempt >= tries) {
        throw error instanceof Problem ? error : new Problem({ code: "outcome-unknown", detail: String(error) }, 0);
      }
      const cap = Math.min(4000, 250 * 2 ** attempt);
      await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * cap));
    }
  }
}
