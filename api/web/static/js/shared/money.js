// Money for people: whole fen in, yuan as 78,193,399.00 out, and back from what somebody typed.

const FEN_MAX = 10 ** 13;

/** 7819339900 -> "78,193,399.00". */
export function yuan(fen) {
  const sign = fen < 0 ? "-" : "";
  const whole = Math.floor(Math.abs(fen) / 100);
  const rest = String(Math.abs(fen) % 100).padStart(2, "0");
  return `${sign}${String(whole).replace(/\B(?=(\d{3})+$)/g, ",")}.${rest}`;
}

/** 7819339900 -> "78,193,399" where the fen are zero, else as `yuan`. */
export function yuanShort(fen) {
  return yuan(fen).replace(/\.00$/, "");
}

/** What was typed as yuan, in fen; null where it is no amount: "1,200.5" -> 120050. */
export function parseFen(text) {
  const plain = text
    .trim()
    .replace(/[,，\s]/g, "")
    .replace(/^[¥￥]/, "")
    .replace(/元$/, "");
  const parts = /^(\d{1,11})(?:\.(\d{1,2}))?$/.exec(plain);
  if (!parts) return null;
  const fen = Number(parts[1]) * 100 + Number((parts[2] ?? "").padEnd(2, "0"));
  return fen >= 1 && fen <= FEN_MAX ? fen : null;
}

/** An amount with a fee of so many basis points on top, in fen; the fee is rounded down to the fen, as it is charged. */
export function withFee(fen, feeBps) {
  return fen + Number((BigInt(fen) * BigInt(feeBps)) / 10_000n);
}
