// 简体中文：页面上的每一句话，按主题分列。

import { words as activity } from "./zh-CN/activity.js";
import { words as audit } from "./zh-CN/audit.js";
import { words as bank } from "./zh-CN/bank.js";
import { words as bidder } from "./zh-CN/bidder.js";
import { words as collection } from "./zh-CN/collection.js";
import { words as exceptions } from "./zh-CN/exceptions.js";
import { words as lotForm } from "./zh-CN/lot_form.js";
import { words as lotImport } from "./zh-CN/lot_import.js";
import { words as lotManagement } from "./zh-CN/lot_management.js";
import { words as lots } from "./zh-CN/lots.js";
import { words as manyLots } from "./zh-CN/many_lots.js";
import { words as navigation } from "./zh-CN/navigation.js";
import { words as prices } from "./zh-CN/prices.js";
import { words as problems } from "./zh-CN/problems.js";
import { words as record } from "./zh-CN/record.js";
import { words as report } from "./zh-CN/report.js";
import { words as secondFactor } from "./zh-CN/second_factor.js";
import { words as settlements } from "./zh-CN/settlements.js";

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
