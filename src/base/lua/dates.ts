/** `os.date` and `os.time` as gopher-lua has them, in UTC. Times are whole seconds since 1970. */

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  ...["January", "February", "March", "April", "May", "June"],
  ...["July", "August", "September", "October", "November", "December"],
];

/** Beyond it, JavaScript has no dates. */
const maxSeconds = 8_640_000_000_000;

/** Year, month, day, hour, minute, second, and the day of the week from 1 for Sunday. */
export function dateParts(seconds: number): readonly number[] {
  const date = dateOf(seconds);
  return [
    ...[date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()],
    ...[date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds(), date.getUTCDay() + 1],
  ];
}

/** Parts may be beyond their range: the 32nd of May is the 1st of June. */
export function secondsOf([year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0]: readonly number[]): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const seconds = Math.floor(date.getTime() / 1_000);
  if (Number.isNaN(seconds)) throw new RangeError("a date is out of range");
  return seconds;
}

function dateOf(seconds: number): Date {
  if (!(Math.abs(seconds) <= maxSeconds)) throw new RangeError(`time ${seconds} is out of range`);
  return new Date(Math.trunc(seconds) * 1_000);
}

const two = (value: number): string => String(value).padStart(2, "0");
const hour12 = (date: Date): string => two(date.getUTCHours() % 12 || 12);
const year2 = (date: Date): string => two(date.getUTCFullYear() % 100);
const clock = (date: Date): string => `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
const monthName = (date: Date): string => months[date.getUTCMonth()] ?? "";

/** Letters behind %, with gopher-lua's mistakes; those of C that are not here stay as they are, as there. */
const letters: Readonly<Record<string, (date: Date) => string>> = {
  a: () => "mon", // whatever the day
  A: (date) => days[date.getUTCDay()] ?? "",
  b: (date) => monthName(date).slice(0, 3),
  B: monthName,
  c: (date) => `${two(date.getUTCDate())} ${monthName(date).slice(0, 3)} ${year2(date)} ${clock(date)} UTC`,
  d: (date) => two(date.getUTCDate()),
  F: (date) => date.toISOString().replace(/T.*/, ""),
  H: (date) => two(date.getUTCHours()),
  I: hour12,
  m: (date) => two(date.getUTCMonth() + 1),
  M: (date) => two(date.getUTCMinutes()),
  p: (date) => (date.getUTCHours() < 12 ? "AM" : "PM"),
  S: (date) => two(date.getUTCSeconds()),
  w: (date) => String(date.getUTCDay()),
  x: (date) => `${two(date.getUTCHours())}/${two(date.getUTCMinutes())}/${two(date.getUTCSeconds())}`,
  X: (date) => `${clock(date)}:${two(date.getUTCSeconds())}`,
  y: year2,
  Y: (date) => String(date.getUTCFullYear()).padStart(4, "0"),
  z: () => "+0000",
  Z: () => "UTC",
};

export function formatDate(layout: string, seconds: number): string {
  const date = dateOf(seconds);
  return layout.replace(/%(.)/gs, (all, letter: string) =>
    Object.hasOwn(letters, letter) ? (letters[letter]?.(date) ?? all) : letter === "%" ? "%" : all,
  );
}
