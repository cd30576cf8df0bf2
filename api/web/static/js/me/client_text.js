// What somebody signed in with, in the words of its owner: the browser and the device, as the client names itself.

import { t } from "../shared/i18n.js";

const BROWSERS = [
  [/MicroMessenger\//, "WeChat"],
  [/Edg(?:e|A|iOS)?\//, "Edge"],
  [/OPR\//, "Opera"],
  [/(?:Firefox|FxiOS)\//, "Firefox"],
  [/(?:Headless)?Chrome\/|CriOS\//, "Chrome"],
  [/Version\/.*Safari\//, "Safari"],
];
const DEVICES = [
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/Android/, "Android"],
  [/Windows/, "Windows"],
  [/Macintosh/, "Mac"],
  [/CrOS/, "ChromeOS"],
  [/Linux/, "Linux"],
];

const found = (kinds, client) => kinds.find(([form]) => form.test(client))?.[1];

/** "Chrome on Windows"; of a program its own name. */
export function clientText(client) {
  const browser = found(BROWSERS, client);
  const device = found(DEVICES, client);
  if (browser && device) return t("sessions.browser-on", { browser, device });
  if (browser ?? device) return browser ?? device;
  return client ? t("sessions.program", { name: client.split(" ")[0] }) : t("sessions.unknown");
}
