// English: bank transfers, for finance and for buyers.

export const words = {
  "step.transfer-received":
    "Transfer of ¥{amount_fen} received (bank reference {bank_reference}); ¥{missing_fen} missing",
  "step.transfer-returned": "Transfer of ¥{amount_fen} sent back (bank reference {bank_reference})",
  "step.transfer-failed": "The bank refused to send ¥{amount_fen} back",
  "step.payment-extended": "A transfer is on its way: payment due by {pay_by_ms}",
  "entry.transfer-received": "Transfer received",
  "entry.receipt-suspended": "Receipt in suspense",
  "entry.receipt-cleared": "Suspense cleared",
  "entry.transfer-return-owed": "Transfer to return",
  "entry.transfer-returned": "Transfer returned",
  "account.bank_cash": "Bank",
  "account.unmatched_receipts": "Unmatched receipts",
  "account.transfers_payable": "Transfers to return",
};
