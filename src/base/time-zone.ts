import { TerminalError } from "./errors.ts";

/** What a place's clock shows, from Node.js' own time zone data. */
export interface TimeZone {
  readonly name: string;
  /** Minutes east of UTC at `at` (milliseconds since 1970). Seconds of historic local mean times are cut. */
  offsetMinutes(at: number): number;
  /** As tzdata has it where known (`CET`, `EST`), else the offset (`+08`, `-0330`), as Go prints zones. */
  abbreviation(at: number): string;
}

/** @throws TerminalError MANIFEST_INVALID that names `path`, when there is no such zone. */
export function findTimeZone(name: string, path: string): TimeZone {
  if (name === "" || name === "UTC" || name === "Local") return utc;
  const format = offsetFormat(name, path);
  return {
    name,
    offsetMinutes: (at) => parseOffset(partOf(format, at)),
    abbreviation: (at) => abbreviate(name, at, parseOffset(partOf(format, at))),
  };
}

const utc: TimeZone = { name: "UTC", offsetMinutes: () => 0, abbreviation: () => "UTC" };

function offsetFormat(name: string, path: string): Intl.DateTimeFormat {
  const format = formatOf(name);
  const known = format?.resolvedOptions().timeZone ?? "";
  // Node.js takes names in any letters and offsets, too; Go has a file for each name.
  const isSameWord = known.toLowerCase() === name.toLowerCase();
  if (format && zoneName.test(name) && (!isSameWord || known === name)) return format;
  const hint = isSameWord && zoneName.test(known) ? `; did you mean \`${known}\`?` : "";
  throw new TerminalError("MANIFEST_INVALID", `${path}: "${name}" is not a time zone of the IANA database${hint}`);
}

const zoneName = /^[A-Z][\w+-]*(?:\/[A-Z][\w+-]*)*$/;

function formatOf(name: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name, timeZoneName: "longOffset" });
  } catch {
    return undefined; // that is the question
  }
}

function partOf(format: Intl.DateTimeFormat, at: number): string {
  return format.formatToParts(at).find((part) => part.type === "timeZoneName")?.value ?? "GMT";
}

/** `GMT+05:30` → 330 */
function parseOffset(text: string): number {
  const match = /^GMT([+-])(\d\d):(\d\d)/.exec(text);
  if (!match) return 0;
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  return match[1] === "-" ? -minutes : minutes;
}

/** No locale knows every abbreviation: each of these knows those of its part of the world. */
const locales = ["en-US", "en-GB", "en-AU", "en-NZ", "en-IN", "en-ZA"] as const;

const fixedAbbreviations: Readonly<Record<string, string>> = {
  "Asia/Tokyo": "JST",
  "Asia/Seoul": "KST",
  "Asia/Shanghai": "CST",
  "Asia/Taipei": "CST",
  "Asia/Hong_Kong": "HKT",
  "Asia/Jakarta": "WIB",
  "Asia/Karachi": "PKT",
  "Asia/Manila": "PST",
  "Africa/Nairobi": "EAT",
  "Africa/Lagos": "WAT",
  // Locales have letters that tzdata has not.
  "Australia/Lord_Howe": "",
};

function abbreviate(name: string, at: number, offset: number): string {
  const fixed = fixedAbbreviations[name];
  if (fixed !== undefined) return fixed || offsetText(offset, true);
  for (const locale of locales) {
    const text = partOf(new Intl.DateTimeFormat(locale, { timeZone: name, timeZoneName: "short" }), at);
    if (/^[A-Z]{3,5}$/.test(text) && (text !== "GMT" || offset === 0)) return text;
  }
  return offsetText(offset, true);
}

/** `+0530`; with `short`, whole hours without minutes: `-03`. */
export function offsetText(minutes: number, short = false): string {
  const size = Math.abs(minutes);
  const rest = size % 60;
  const hours = String(Math.floor(size / 60)).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${hours}${short && rest === 0 ? "" : String(rest).padStart(2, "0")}`;
}
