export const monthNames = "January February March April May June July August September October November December".split(
  " ",
);
/** From Sunday. */
export const weekdayNames = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

/** What a piece of a layout of Go's package time stands for. */
export type LayoutPart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "fraction"; readonly text: string; readonly digits: number; readonly isExact: boolean }
  | { readonly kind: LayoutField; readonly text: string };

export type LayoutField = (typeof fields)[number][1] | ZoneField;
export type ZoneField = (typeof zones)[number];

/** Longer ones before those that they begin with. */
const fields = [
  ["January", "month name"],
  ["Jan", "short month"],
  ["Monday", "weekday"],
  ["Mon", "short weekday"],
  ["MST", "zone name"],
  ["2006", "year"],
  ["__2", "padded day of year"],
  ["_2", "padded day"],
  ["002", "day of year"],
  ["01", "month 2"],
  ["02", "day 2"],
  ["03", "hour12 2"],
  ["04", "minute 2"],
  ["05", "second 2"],
  ["06", "short year"],
  ["15", "hour"],
  ["1", "month"],
  ["2", "day"],
  ["3", "hour12"],
  ["4", "minute"],
  ["5", "second"],
  ["PM", "PM"],
  ["pm", "pm"],
] as const;

const zones = [
  ...["Z070000", "Z07:00:00", "Z0700", "Z07:00", "Z07"],
  ...["-070000", "-07:00:00", "-0700", "-07:00", "-07"],
] as const satisfies readonly string[];

/** A layout such as `2006-01-02 15:04:05` in parts. Every text is one; what is no field stands for itself. */
export function parseLayout(layout: string): readonly LayoutPart[] {
  const parts: LayoutPart[] = [];
  let text = "";
  for (let at = 0; at < layout.length; ) {
    const found = partAt(layout, at);
    if (found === undefined) {
      text += layout.charAt(at);
      at++;
      continue;
    }
    if (text !== "") parts.push({ kind: "text", text });
    text = "";
    parts.push(found);
    at += found.text.length;
  }
  return text === "" ? parts : [...parts, { kind: "text", text }];
}

function partAt(layout: string, at: number): LayoutPart | undefined {
  const zone = zones.find((known) => layout.startsWith(known, at));
  if (zone !== undefined) return { kind: zone, text: zone };
  // An underscore before a year is no padding.
  if (layout.startsWith("_2006", at)) return undefined;
  for (const [text, kind] of fields) {
    if (!layout.startsWith(text, at)) continue;
    if ((text === "Jan" || text === "Mon") && /[a-z]/.test(layout.charAt(at + 3))) continue;
    return { kind, text };
  }
  return fractionAt(layout, at);
}

/** `.000`, which wants that many digits, or `.999`, which takes any number; nothing when more digits follow. */
function fractionAt(layout: string, at: number): LayoutPart | undefined {
  const [found, zeros] = /^[.,](?:(0+)|9+)(?![0-9])/.exec(layout.slice(at)) ?? [];
  if (found === undefined) return undefined;
  return { kind: "fraction", text: found, digits: found.length - 1, isExact: zeros !== undefined };
}
