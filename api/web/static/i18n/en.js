// English: every phrase of the pages, by subject.

import { words as activity } from "./en/activity.js";
import { words as audit } from "./en/audit.js";
import { words as bank } from "./en/bank.js";
import { words as bidder } from "./en/bidder.js";
import { words as collection } from "./en/collection.js";
import { words as exceptions } from "./en/exceptions.js";
import { words as lotForm } from "./en/lot_form.js";
import { words as lotImport } from "./en/lot_import.js";
import { words as lotManagement } from "./en/lot_management.js";
import { words as lots } from "./en/lots.js";
import { words as manyLots } from "./en/many_lots.js";
import { words as navigation } from "./en/navigation.js";
import { words as prices } from "./en/prices.js";
import { words as problems } from "./en/problems.js";
import { words as record } from "./en/record.js";
import { words as report } from "./en/report.js";
import { words as secondFactor } from "./en/second_factor.js";
import { words as settlements } from "./en/settlements.js";

export const words = {
  ...activity,
  ...navigation,
  ...lots,
  ...prices,
  ...problems,
  ...bidder,
  ...lotForm,
  ...lotManagement,
  ...lotImport,
  ...manyLots,
  ...record,
  ...settlements,
  ...bank,
  ...exceptions,
  ...collection,
  ...report,
  ...secondFactor,
  ...audit,
};
