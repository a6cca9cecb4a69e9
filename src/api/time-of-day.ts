/**
 * The second of the day, maybe with a fraction, that `HH:MM:SS` names (a single digit for the hour will do, and Go takes
 * a fraction behind the seconds); undefined when it names none.
 */
export function secondOfDay(text: string): number | undefined {
  const match = /^([01]?[0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:[.,]([0-9]{1,9}))?$/.exec(text);
  if (!match) return undefined;
  const [, hours, minutes, seconds, fraction = "0"] = match;
  return Number(hours) * 3_600 + Number(minutes) * 60 + Number(`${seconds}.${fraction}`);
}

export const secondsPerDay = 86_400;
