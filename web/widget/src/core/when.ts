/** Days and times of day as the reader says them, in the reader's own time zone. */
import type { Language } from "./protocol.ts";

const LOCALES: Record<Language, string> = { zh: "zh-CN", "zh-Hant": "zh-HK", en: "en-GB" };

export interface Calendar {
  /** A word for the day of `at`: the same for all moments of one day. */
  day(at: number): string;
  /** `09:05`. */
  time(at: number): string;
  /** Today, yesterday, else the date, with the year when it is not this one. */
  name(at: number, now: number): string;
}

/** The calendar of `language`; `zone` is an IANA name, by default the machine's. */
export function calendar(language: Language, zone?: string): Calendar {
  const format = (options: Intl.DateTimeFormatOptions, locale = LOCALES[language]): Intl.DateTimeFormat =>
    new Intl.DateTimeFormat(locale, zone ? { ...options, timeZone: zone } : options);
  const plain = format({ year: "numeric", month: "2-digit", day: "2-digit" }, "en-CA"); // 2026-11-21
  const time = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const near = format({ weekday: "long", month: "long", day: "numeric" });
  const far = format({ year: "numeric", month: "long", day: "numeric" });
  const words = new Intl.RelativeTimeFormat(LOCALES[language], { numeric: "auto" });
  const day = (at: number): string => plain.format(at);
  // days by the calendar, not by 24 hours: both dates are read as UTC midnights, so no clock change can bend the count
  const apart = (at: number, now: number): number =>
    Math.round((Date.parse(day(at)) - Date.parse(day(now))) / 86_400_000);
  return {
    day,
    time: (at) => time.format(at),
    name: (at, now) => {
      const days = apart(at, now);
      if (days === 0 || days === -1) return capital(words.format(days, "day"));
      return (day(at).slice(0, 4) === day(now).slice(0, 4) ? near : far).format(at);
    },
  };
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
