/** In UTC, since 1970. */
export interface Moment {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** What a clock in UTC shows. */
export interface BrokenTime extends Moment {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** From Sunday, which is 0. */
  readonly weekday: number;
  /** From 1. */
  readonly yearDay: number;
}

export function brokenTime(moment: Moment): BrokenTime {
  const at = new Date(moment.seconds * 1_000);
  const year = at.getUTCFullYear();
  return {
    ...moment,
    year,
    month: at.getUTCMonth() + 1,
    day: at.getUTCDate(),
    hour: at.getUTCHours(),
    minute: at.getUTCMinutes(),
    second: at.getUTCSeconds(),
    weekday: at.getUTCDay(),
    yearDay: Math.floor((at.getTime() - daysAt(year, 1, 1) * 86_400_000) / 86_400_000) + 1,
  };
}

/** Days since 1970; months and days out of their range count on. */
export function daysAt(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month - 1, day) / 86_400_000;
}

/** The week of ISO 8601, and the year that it belongs to: that of its Thursday. */
export function isoWeek({ year, yearDay, weekday }: BrokenTime): { readonly year: number; readonly week: number } {
  const thursday = daysAt(year, 1, yearDay) + 4 - (weekday || 7);
  const found = new Date(thursday * 86_400_000).getUTCFullYear();
  return { year: found, week: Math.floor((thursday - daysAt(found, 1, 1)) / 7) + 1 };
}
