// Chinese: lots that are paid and to be fetched.

export const words = {
  "ops.field.storage_paid": "实收仓储费",
  "ops.hint.storage_paid": "买受人已付的金额，其余免除。",
  "ops.field.staff_centre": "交付中心",
  "money.fetch-by": "提货截止",
  "money.storage": "目前仓储费",
  "money.next.paid": "须在 {left} 内提货",
  "money.until.paid": "提货剩余时间",
  "money.mark.overdue": "逾期未提货",
  "money.act.centre": "指定交付中心…",
  "money.act.centre.title": "指定 {title} 的交付中心",
  "money.act.centre.confirm": "指定",
  "money.sentence.centre": "买受人未按期提取 {title}。将在所选交付中心交付，买受人可在其页面看到。",
  "money.sentence.storage": " 该拍品逾期提取，应收仓储费 ¥{storage}。",
  "money.done.centre": "已指定 {title} 的交付中心。",
  "step.handover-overdue": "提货期限已届满",
  "step.storage-fee-paid": "仓储费：应收 ¥{owed_fen}，实收 ¥{amount_fen}",
  "entry.storage-fee-paid": "收取仓储费",
  "account.storage_income": "仓储费收入",
};
