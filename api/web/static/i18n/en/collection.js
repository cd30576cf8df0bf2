// English: lots that are paid and to be fetched.

export const words = {
  "ops.field.storage_paid": "Storage fee paid",
  "ops.hint.storage_paid": "What the buyer has paid of it; the rest is waived.",
  "ops.field.staff_centre": "Delivery centre",
  "money.fetch-by": "Fetch by",
  "money.storage": "Storage fee so far",
  "money.next.paid": "fetch within {left}",
  "money.until.paid": "Fetch within",
  "money.mark.overdue": "Not fetched in time",
  "money.act.centre": "Choose delivery centre …",
  "money.act.centre.title": "Choose where {title} is collected",
  "money.act.centre.confirm": "Choose",
  "money.sentence.centre":
    "The buyer has not fetched {title} in time. It is collected where you choose; they see it on their page.",
  "money.sentence.storage": " It was fetched late: a storage fee of ¥{storage} is owed.",
  "money.done.centre": "The delivery centre of {title} is chosen.",
  "step.handover-overdue": "The time to fetch the lot is over",
  "step.storage-fee-paid": "Storage fee: ¥{amount_fen} of ¥{owed_fen} paid",
  "entry.storage-fee-paid": "Storage fee paid",
  "account.storage_income": "Storage fees",
};
