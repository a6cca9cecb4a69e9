import { civilTime, timeJson, timeText } from "../../go/time-format.ts";
import { atSeconds, unixNanoseconds, type ZonedTime } from "../../go/zoned-time.ts";
import { GoInt, GoStruct, int, type Value } from "../values.ts";
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

function int64(value: bigint): Value {
  return new GoInt("int64", BigInt.asIntN(64, value));
}
