// Money for people: whole fen in, yuan as 78,193,399.00 out, and back from what somebody typed. The document says which
// currency the house has, and with how many decimals: of the yen a "fen" is a yen, 7,819,339,900.

/** The most that an amount may be, in fen: 99,999,999,999.99 yuan. */
const FEN_MAX = 10 ** 13 - 1;

/** How many decimals the house's currency has. */
const EXPONENT = Number(globalThis.document?.documentElement?.dataset?.exponent ?? 2);
const UNIT = 10 ** EXPONENT;

/** 7819339900 -> "78,193,399.00". */
export function yuan(fen) {
  const sign = fen < 0 ? "-" : "";
  const whole = Math.floor(Math.abs(fen) / UNIT);
  const rest = EXPONENT ? `.${String(Math.abs(fen) % UNIT).padStart(EXPONENT, "0")}` : "";
  return `${sign}${String(whole).replace(/\B(?=(\d{3})+$)/g, ",")}${rest}`;
}

/** 7819339900 -> "78,193,399" where the fen are zero, else as `yuan`. */
export function yuanShort(fen) {
  return yuan(fen).replace(/\.00$/, "");
}

/** Full-width digits and signs of Chinese keyboards as the ordinary ones. */
function ordinary(text) {
  const narrow = text.replace(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0));
  return narrow.trim().replace(/\s/g, " ");
}

const DECIMALS = EXPONENT ? `(?:\\.(\\d{1,${EXPONENT}}))?` : "()";
const PLAIN = new RegExp(`^(\\d+)${DECIMALS}$`);
const GROUPED = new RegExp(`^([1-9]\\d{0,2}(?:([, ])\\d{3})(?:\\2\\d{3})*)${DECIMALS}$`);
const MISGROUPED = new RegExp(`^\\d[\\d, ]*[, ][\\d, ]*${DECIMALS}$`);

/**
 * What was typed as yuan: {fen, mistake}; one of them is null. Digits may be full-width, thousands grouped by commas or
 * by spaces, with a yuan sign before or 元 after. A mistake is "grouping" (a comma or space that stands between no
 * thousands, such as the decimal comma of 12,34), "range", or "form". `leastFen` is the least that is accepted.
 */
export function readYuan(text, { leastFen = 1 } = {}) {
  const amount = ordinary(text)
    .replace(/^[¥￥] ?/, "")
    .replace(/ ?[日]?[元円]$/, "");
  const plain = PLAIN.exec(amount);
  const grouped = plain ? null : GROUPED.exec(amount);
  if (!plain && !grouped) return { fen: null, mistake: MISGROUPED.test(amount) ? "grouping" : "form" };
  const [whole, part] = plain ? [plain[1], plain[2]] : [grouped[1].replace(/[, ]/g, ""), grouped[3]];
  const fen = Number(whole) * UNIT + Number((part ?? "").padEnd(EXPONENT, "0"));
  return fen >= leastFen && fen <= FEN_MAX ? { fen, mistake: null } : { fen: null, mistake: "range" };
}

/** What was typed as yuan, in fen; null where it is no amount. */
export const parseFen = (text) => readYuan(text).fen;

/** An amount with a fee of so many basis points on top, in fen; the fee is rounded down to the fen, as it is charged. */
export function withFee(fen, feeBps) {
  return fen + Number((BigInt(fen) * BigInt(feeBps)) / 10_000n);
}
