import { GoInt, GoStruct, int, type Value } from "../values.ts";
import { Failure } from "../work.ts";

const dayMs = 86_400_000;

/** Go's time.Time. */
export class GoTime extends GoStruct {
  readonly type = "time.Time";
  readonly kind = "struct";
  /** Since 1970. */
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanoseconds: number;
  readonly offsetSeconds: number;
  /** `UTC`, or what the text that it was read from called it; empty for a zone that is an offset only. */
  readonly zone: string;

  constructor(seconds: number, nanoseconds: number, offsetSeconds: number, zone: string) {
    super();
    this.seconds = seconds;
    this.nanoseconds = nanoseconds;
    this.offsetSeconds = offsetSeconds;
    this.zone = zone;
  }

  /** What its clock shows. */
  #local(): Date {
    return new Date((this.seconds + this.offsetSeconds) * 1_000);
  }

  #date(): string {
    const local = this.#local();
    const year = local.getUTCFullYear();
    const digits = String(Math.abs(year)).padStart(4, "0");
    return `${year < 0 ? "-" : ""}${digits}-${two(local.getUTCMonth() + 1)}-${two(local.getUTCDate())}`;
  }

  #clock(): string {
    const local = this.#local();
    const fraction = this.nanoseconds === 0 ? "" : `.${String(this.nanoseconds).padStart(9, "0").replace(/0+$/, "")}`;
    return `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())}${fraction}`;
  }

  #offset(separator: string): string {
    const minutes = Math.trunc(Math.abs(this.offsetSeconds) / 60);
    return `${this.offsetSeconds < 0 ? "-" : "+"}${two(Math.trunc(minutes / 60))}${separator}${two(minutes % 60)}`;
  }

  text(): string {
    return `${this.#date()} ${this.#clock()} ${this.#offset("")} ${this.zone || this.#offset("")}`;
  }

  json(): string {
    const year = this.#local().getUTCFullYear();
    if (year < 0 || year > 9_999) throw new Failure("json: the year of a time is outside of 0 to 9999");
    const offset = this.offsetSeconds === 0 ? "Z" : this.#offset(":");
    return `${this.#date()}T${this.#clock()}${offset}`;
  }

  get(name: string): Value | undefined {
    const local = this.#local();
    switch (name) {
      case "Unix":
        return this.#int64(BigInt(this.seconds));
      case "UnixMilli":
        return this.#int64(BigInt(this.seconds) * 1_000n + BigInt(Math.trunc(this.nanoseconds / 1e6)));
      case "UnixNano":
        return this.#int64(BigInt(this.seconds) * 1_000_000_000n + BigInt(this.nanoseconds));
      case "Year":
        return int(local.getUTCFullYear());
      case "Day":
        return int(local.getUTCDate());
      case "Hour":
        return int(local.getUTCHours());
      case "Minute":
        return int(local.getUTCMinutes());
      case "Second":
        return int(local.getUTCSeconds());
      case "YearDay":
        return int(
          (local.getTime() - Date.UTC(local.getUTCFullYear(), 0)) / dayMs + 1 - (local.getTime() % dayMs) / dayMs,
        );
      case "UTC":
        return new GoTime(this.seconds, this.nanoseconds, 0, "UTC");
      case "String":
        return this.text();
      default:
        return undefined;
    }
  }

  #int64(value: bigint): Value {
    return new GoInt("int64", BigInt.asIntN(64, value));
  }

  plus(nanoseconds: bigint): GoTime {
    const total = BigInt(this.nanoseconds) + nanoseconds;
    const rest = ((total % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    const seconds = this.seconds + Number((total - rest) / 1_000_000_000n);
    return new GoTime(seconds, Number(rest), this.offsetSeconds, this.zone);
  }
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
