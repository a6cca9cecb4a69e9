import {
  boolType,
  durationType,
  floatType,
  int64Type,
  intType,
  monthType,
  stringType,
  type Type,
  timeType,
  weekdayType,
} from "./types.ts";

interface Signature {
  readonly parameters: readonly Type[];
  readonly result: Type;
}

function methods(result: Type, names: string, ...parameters: readonly Type[]): [string, Signature][] {
  return names.split(" ").map((name) => [name, { parameters, result }]);
}

const ofTime = [
  ...methods(intType, "Year Day Hour Minute Second Nanosecond YearDay"),
  ...methods(monthType, "Month"),
  ...methods(weekdayType, "Weekday"),
  ...methods(int64Type, "Unix UnixMilli UnixMicro UnixNano"),
  ...methods(boolType, "IsZero"),
  ...methods(boolType, "Before After Equal", timeType),
  ...methods(intType, "Compare", timeType),
  ...methods(timeType, "UTC"),
  ...methods(timeType, "Add Round Truncate", durationType),
  ...methods(timeType, "AddDate", intType, intType, intType),
  ...methods(durationType, "Sub", timeType),
  ...methods(stringType, "String"),
  ...methods(stringType, "Format", stringType),
];

const ofDuration = [
  ...methods(floatType, "Hours Minutes Seconds"),
  ...methods(int64Type, "Milliseconds Microseconds Nanoseconds"),
  ...methods(durationType, "Abs"),
  ...methods(durationType, "Round Truncate", durationType),
  ...methods(stringType, "String"),
];

const tables: ReadonlyMap<string, ReadonlyMap<string, Signature>> = new Map([
  [timeType.name, new Map(ofTime)],
  [durationType.name, new Map(ofDuration)],
  [monthType.name, new Map(methods(stringType, "String"))],
  [weekdayType.name, new Map(methods(stringType, "String"))],
]);

/** A method of times, durations, months and weekdays, the only values that have some. */
export function methodOf(type: string, name: string): Signature | undefined {
  return tables.get(type)?.get(name);
}
