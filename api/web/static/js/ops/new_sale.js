// Create a sale: the dialog that asks for its title and short id.

import { confirmAction } from "../shared/confirm_dialog.js";
import { textField } from "../shared/form_fields.js";
import { t } from "../shared/i18n.js";
import { staffProblemText } from "../shared/staff_text.js";

const SALE_ID = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** Ask, and create it; resolves to the sale, or null where they went back. */
export function createSale() {
  return confirmAction({
    title: t("ops.new-sale"),
    confirm: t("ops.create-sale"),
    fields: {
      title: textField("sale-title", "sale_title"),
      sale_id: textField("sale-id", "sale_id", { required: false, most: 48, pattern: SALE_ID }),
    },
    sentence: () => t("ops.sentence.sale"),
    path: () => "/ops/sales",
    words: staffProblemText,
    body: ({ title, sale_id: id }) => (id ? { title, sale_id: id } : { title }),
  });
}
