// 简体中文：银行转账，供财务和买受人使用。

export const words = {
  "step.transfer-received": "转账到账 ¥{amount_fen}（流水号 {bank_reference}），尚差 ¥{missing_fen}",
  "step.transfer-returned": "转账 ¥{amount_fen} 已退回（流水号 {bank_reference}）",
  "step.transfer-failed": "退回转账 ¥{amount_fen} 被银行拒绝",
  "step.payment-extended": "转账在途，付款期限延长至 {pay_by_ms}",
  "entry.transfer-received": "转账到账",
  "entry.receipt-suspended": "来款挂账",
  "entry.receipt-cleared": "挂账核销",
  "entry.transfer-return-owed": "应退转账",
  "entry.transfer-returned": "转账退回",
  "account.bank_cash": "银行存款",
  "account.unmatched_receipts": "待匹配来款",
  "account.transfers_payable": "应退转账款",
};
