// The page for addresses at which there is nothing: says so, and leads back.

import { t } from "../shared/i18n.js";
import { showPageHeader } from "../shared/page_header.js";

document.title = `${t("not-found.title")} · ${t("brand")}`;
showPageHeader();
