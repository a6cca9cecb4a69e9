/** The second of the day that `HH:MM:SS` names (a single digit for the hour will do); undefined when it names none. */
export function secondOfDay(text: string): number | undefined {
  const match = /^([01]?[0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])$/.exec(text);
  return match ? Number(match[1]) * 3_600 + Number(match[2]) * 60 + Number(match[3]) : undefined;
}

export const secondsPerDay = 86_400;
