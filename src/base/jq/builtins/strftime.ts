import { monthNames, weekdayNames } from "../../go/layout.ts";
import type { Work } from "../work.ts";
import { type BrokenTime, isoWeek } from "./moment.ts";

/** What stands between `%` and the letter. */
interface Flags {
  readonly width: number;
  readonly padding: "0" | " " | "";
  /** Whether the format says how to fill up. */
  readonly isExplicit: boolean;
  readonly isUpper: boolean;
  readonly isSwapped: boolean;
}

const plain: Flags = { width: 0, padding: "0", isExplicit: false, isUpper: false, isSwapped: false };

/** Formats that stand for others. */
export const compositions: Readonly<Record<string, string>> = {
  c: "a b e H:M:S Y",
  "+": "a b e H:M:S Z Y",
  v: "e-b-Y",
  r: "I:M:S p",
  F: "Y-m-d",
  D: "m/d/y",
  x: "m/d/y",
  T: "H:M:S",
  X: "H:M:S",
  R: "H:M",
};

const directive = /%([-_^#0]*)([1-9][0-9]*)?(:{0,3}z|.)?/gsu;

/** C's `strftime` with the flags of GNU, in UTC. A format that nobody knows stands for itself. */
export function strftime(time: BrokenTime, format: string, work: Work): string {
  const text = format.replace(directive, (whole: string, marks: string, width: string | undefined, letter?: string) => {
    if (letter === undefined) return padText(whole, flagsOf(marks, width));
    const flags = flagsOf(marks, width);
    work.text(flags.width);
    return (
      expand(letter, time, flags) ??
      padText(whole.slice(0, -letter.length), { ...flags, width: flags.width - 1 }) + letter
    );
  });
  work.text(text.length);
  return text;
}

function flagsOf(marks: string, width: string | undefined): Flags {
  let padding: Flags["padding"] = "0";
  let isExplicit = false;
  for (const mark of marks) {
    if (mark === "-") [padding, isExplicit] = ["", true];
    else if (mark === "_") [padding, isExplicit] = [" ", true];
    else if (mark === "0") [padding, isExplicit] = ["0", true];
  }
  if (width !== undefined && padding === "") padding = " ";
  return {
    width: Math.min(Number(width ?? 0), 1_024),
    padding,
    isExplicit,
    isUpper: marks.includes("^"),
    isSwapped: marks.includes("#"),
  };
}

function padNumber(value: number, width: number, { padding }: Flags): string {
  const digits = String(Math.abs(value));
  if (padding === "") return String(value);
  if (value >= 0) return digits.padStart(width, padding);
  return padding === "0" ? `-${digits.padStart(width - 1, "0")}` : `-${digits}`.padStart(width);
}

function padText(text: string, { width, padding, isExplicit, isUpper, isSwapped }: Flags): string {
  const hasSmall = /^.[a-z]/.test(text);
  const cased = isSwapped && !hasSmall ? text.toLowerCase() : isSwapped || isUpper ? text.toUpperCase() : text;
  return padding === "" ? cased : cased.padStart(width, isExplicit ? padding : " ");
}

function expand(letter: string, time: BrokenTime, flags: Flags): string | undefined {
  const composition = compositions[letter];
  if (composition !== undefined) {
    const { isUpper, isSwapped } = flags;
    const inner = { ...plain, isUpper, isSwapped: isSwapped && "FDxTXR".includes(letter) };
    return composition.replace(/[A-Za-z]/g, (part) => expand(part, time, inner) ?? part);
  }
  return (
    date(letter, time, flags) ?? clock(letter, time, flags) ?? week(letter, time, flags) ?? other(letter, time, flags)
  );
}

function date(letter: string, { year, month, day, yearDay }: BrokenTime, flags: Flags): string | undefined {
  const { width } = flags;
  const two = Math.max(width, 2);
  switch (letter) {
    case "Y":
      return padNumber(year, width || 4, flags);
    case "y":
      return padNumber(Math.abs(year % 100), two, flags);
    case "C":
      return year < 0 && year > -100
        ? padNumber(-1, two, flags).replace(/1$/, "0")
        : padNumber(Math.trunc(year / 100), two, flags);
    case "m":
      return padNumber(month, two, flags);
    case "B":
      return padText(monthNames[month - 1] ?? "", flags);
    case "b":
    case "h":
      return padText((monthNames[month - 1] ?? "").slice(0, 3), flags);
    case "e":
    case "d":
      return padNumber(day, two, letter === "e" ? spaced(flags) : flags);
    case "j":
      return padNumber(yearDay, Math.max(width, 3), flags);
    default:
      return undefined;
  }
}

function spaced(flags: Flags): Flags {
  return flags.isExplicit ? flags : { ...flags, padding: " " };
}

function clock(
  letter: string,
  { hour, minute, second, seconds, nanoseconds }: BrokenTime,
  flags: Flags,
): string | undefined {
  const two = Math.max(flags.width, 2);
  switch (letter) {
    case "H":
    case "k":
      return padNumber(hour, two, letter === "k" ? spaced(flags) : flags);
    case "I":
    case "l":
      return padNumber(hour % 12 || 12, two, letter === "l" ? spaced(flags) : flags);
    case "p":
      return padText(hour < 12 ? "AM" : "PM", flags);
    case "P":
      return padText(hour < 12 ? "AM" : "PM", { ...flags, isSwapped: !(flags.isUpper || flags.isSwapped) });
    case "M":
      return padNumber(minute, two, flags);
    case "S":
      return padNumber(second, two, flags);
    case "s":
      return padNumber(seconds, flags.width, spaced(flags));
    case "f":
      return padNumber(Math.trunc(nanoseconds / 1_000), flags.width || 6, flags);
    default:
      return undefined;
  }
}

function week(letter: string, time: BrokenTime, flags: Flags): string | undefined {
  const { weekday, yearDay } = time;
  const two = Math.max(flags.width, 2);
  switch (letter) {
    case "A":
      return padText(weekdayNames[weekday] ?? "", flags);
    case "a":
      return padText((weekdayNames[weekday] ?? "").slice(0, 3), flags);
    case "w":
      return padNumber(weekday, flags.width, flags);
    case "u":
      return padNumber(weekday || 7, flags.width, flags);
    case "V":
      return padNumber(isoWeek(time).week, two, flags);
    case "G":
      return padNumber(isoWeek(time).year, flags.width || 4, flags);
    case "g":
      return padNumber(Math.abs(isoWeek(time).year % 100), two, flags);
    case "U":
      return padNumber(Math.trunc((yearDay + 6 - weekday) / 7), two, flags);
    case "W":
      return padNumber(Math.trunc((weekday > 0 ? yearDay - weekday + 7 : yearDay) / 7), two, flags);
    default:
      return undefined;
  }
}

const offsets: Readonly<Record<string, string>> = { z: "00", ":z": ":00", "::z": ":00:00", ":::z": "" };

function other(letter: string, _time: BrokenTime, flags: Flags): string | undefined {
  switch (letter) {
    case "Z":
      return padText("UTC", flags);
    case "t":
      return padText("\t", { ...flags, isUpper: false, isSwapped: false });
    case "n":
      return padText("\n", { ...flags, isUpper: false, isSwapped: false });
    case "%":
      return padText("%", { ...flags, isUpper: false, isSwapped: false });
    default:
      return zone(letter, flags);
  }
}

function zone(letter: string, { padding, width }: Flags): string | undefined {
  const rest = offsets[letter];
  if (rest === undefined) return undefined;
  if (padding === "") return `+0${rest}`;
  return padding === "0" ? `+${`00${rest}`.padStart(width - 1, "0")}` : ` +0${rest}`.padStart(width);
}
