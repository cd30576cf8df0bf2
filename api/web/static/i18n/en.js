// English: every phrase of the pages, by subject.

import { words as audit } from "./en/audit.js";
import { words as bank } from "./en/bank.js";
import { words as bidder } from "./en/bidder.js";
import { words as collection } from "./en/collection.js";
import { words as exceptions } from "./en/exceptions.js";
import { words as lotForm } from "./en/lot_form.js";
import { words as lotManagement } from "./en/lot_management.js";
import { words as lots } from "./en/lots.js";
import { words as navigation } from "./en/navigation.js";
import { words as prices } from "./en/prices.js";
import { words as problems } from "./en/problems.js";
import { words as record } from "./en/record.js";
import { words as secondFactor } from "./en/second_factor.js";
import { words as settlements } from "./en/settlements.js";

export const words = {
  ...navigation,
  ...lots,
  ...prices,
  ...problems,
  ...bidder,
  ...lotForm,
  ...lotManagement,
  ...record,
  ...settlements,
  ...bank,
  ...exceptions,
  ...collection,
  ...secondFactor,
  ...audit,
};
