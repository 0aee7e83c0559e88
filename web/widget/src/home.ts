/** Where this script came from: the house to talk to when a site names none, else the site itself. */
import { houseOf } from "./core/address.ts";

const script = document.currentScript;

/** The script element while it runs, else null. */
export const ownScript = script instanceof HTMLScriptElement ? script : null;

export const home: string = (ownScript?.src && houseOf(ownScript.src)) || new URL("/", document.baseURI).href;
