import { civilTime, formatGoTime, timeJson, timeText } from "../../go/time-format.ts";
import { atLocal, atSeconds, unixNanoseconds, type ZonedTime } from "../../go/zoned-time.ts";
import { GoInt, GoStruct, int, typeOf, type Value } from "../values.ts";
import { Failure } from "../work.ts";

const utc = { name: "UTC", offsetSeconds: 0 } as const;

/** Go's time.Time. */
export class GoTime extends GoStruct {
  readonly type = "time.Time";
  readonly kind = "struct";
  readonly at: ZonedTime;

  constructor(at: ZonedTime) {
    super();
    this.at = at;
  }

  text(): string {
    return timeText(this.at);
  }

  json(): string {
    const { year } = civilTime(this.at);
    if (year < 0 || year > 9_999) throw new Failure("json: the year of a time is outside of 0 to 9999");
    return timeJson(this.at);
  }

  override call(name: string, args: readonly Value[]): Value | undefined {
    const [first, ...more] = args;
    if (!Object.hasOwn(methods, name)) return undefined;
    const method = methods[name as keyof typeof methods];
    const wanted = name === "AddDate" ? 3 : 1;
    if (args.length !== wanted) {
      throw new Failure(`wrong number of args for ${name}: want ${wanted} got ${args.length}`);
    }
    return method(this, first ?? null, more);
  }

  get(name: string): Value | undefined {
    const civil = civilTime(this.at);
    switch (name) {
      case "Unix":
        return int64(BigInt(this.at.seconds));
      case "UnixMilli":
        return int64(BigInt(this.at.seconds) * 1_000n + BigInt(Math.trunc(this.at.nanoseconds / 1e6)));
      case "UnixNano":
        return int64(unixNanoseconds(this.at));
      case "Year":
        return int(civil.year);
      case "Day":
        return int(civil.day);
      case "Hour":
        return int(civil.hour);
      case "Minute":
        return int(civil.minute);
      case "Second":
        return int(civil.second);
      case "YearDay":
        return int(civil.dayOfYear);
      case "UTC":
        return new GoTime(atSeconds({ ...this.at, zone: utc }, this.at.seconds, this.at.nanoseconds));
      case "String":
        return this.text();
      default:
        return undefined;
    }
  }
}

/** Those that take arguments. */
const methods = {
  Format: (of: GoTime, layout: Value) => formatGoTime(asText(layout), of.at),
  AddDate: (of: GoTime, years: Value, [months, days]: readonly Value[]) =>
    addDate(of, asCount(years), asCount(months), asCount(days)),
  After: (of: GoTime, other: Value) => unixNanoseconds(of.at) > unixNanoseconds(asTime(other).at),
  Before: (of: GoTime, other: Value) => unixNanoseconds(of.at) < unixNanoseconds(asTime(other).at),
  Equal: (of: GoTime, other: Value) => unixNanoseconds(of.at) === unixNanoseconds(asTime(other).at),
} as const satisfies Record<string, (of: GoTime, first: Value, more: readonly Value[]) => Value>;

/** What is beyond the end of a month goes on in the next one, as in Go. */
function addDate({ at }: GoTime, years: number, months: number, days: number): GoTime {
  const { year, month, day, hour, minute, second } = civilTime(at);
  const moved = new Date(0);
  moved.setUTCFullYear(year + years, month - 1 + months, day + days);
  const local = moved.setUTCHours(hour, minute, second) / 1_000;
  if (Number.isNaN(local)) throw new Failure("the date is too far away");
  return new GoTime(atLocal(at, local));
}

function asText(value: Value): string {
  if (typeof value === "string") return value;
  throw wrongType(value, "string");
}

function asCount(value: Value | undefined): number {
  if (value instanceof GoInt && value.type === "int") return Number(value.value);
  throw wrongType(value, "int");
}

function asTime(value: Value): GoTime {
  if (value instanceof GoTime) return value;
  throw wrongType(value, "time.Time");
}

function wrongType(value: Value | undefined, wanted: string): Failure {
  const got = value === null || value === undefined ? "interface {}" : typeOf(value);
  return new Failure(`wrong type for value; expected ${wanted}; got ${got}`);
}

function int64(value: bigint): Value {
  return new GoInt("int64", BigInt.asIntN(64, value));
}
