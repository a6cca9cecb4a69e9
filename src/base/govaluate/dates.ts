import { parseLayout } from "../go/layout.ts";
import { parseGoTimeParts } from "../go/time-parse.ts";

const layouts = [
  "Mon Jan _2 15:04:05 2006",
  "Mon Jan _2 15:04:05 MST 2006",
  "Mon Jan 02 15:04:05 -0700 2006",
  "3:04PM",
  "2006-01-02T15:04:05Z07:00",
  "2006-01-02",
  "2006-01-02 15:04",
  "2006-01-02 15:04:05",
  "2006-01-02 15:04:05-07:00",
  "2006-01-02T15Z0700",
  "2006-01-02T15:04Z0700",
  "2006-01-02T15:04:05Z0700",
].map(parseLayout);

/** The longest text that can be one, but for fractions of seconds, which may go on for ever. */
const maxLength = 100;

/**
 * Unix seconds of a string that the original takes for a date; undefined where it does not. Its time zone is that of the
 * machine there; here it is UTC, which is that of its container.
 */
export function dateLiteral(text: string): number | undefined {
  if (text.length > maxLength || !/^[A-Za-z]{3} |^[0-9]{1,2}:[0-9]{2}[AP]M$|^[0-9]{4}-/i.test(text)) return undefined;
  for (const layout of layouts) {
    const time = parseGoTimeParts(layout, text);
    if (time !== undefined) return time.seconds;
  }
  return undefined;
}
