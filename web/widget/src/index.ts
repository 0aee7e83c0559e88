/** Registers <qiantai-chat>, and puts one on the page when the script tag itself carries the attributes. */
import { QiantaiChat } from "./qiantai-chat.ts";
import { ownScript } from "./home.ts";

if (!customElements.get("qiantai-chat")) customElements.define("qiantai-chat", QiantaiChat);

const data = ownScript?.dataset ?? {};
const named = QiantaiChat.observedAttributes.filter((name) => data[name] !== undefined);
if (named.length > 0) {
  const place = (): void => {
    if (document.querySelector("qiantai-chat")) return;
    const chat = document.createElement("qiantai-chat");
    for (const name of named) chat.setAttribute(name, data[name] ?? "");
    document.body.append(chat);
  };
  if (document.body) place();
  else document.addEventListener("DOMContentLoaded", place, { once: true });
}
