import { GoInt, typeOf, type Value } from "../values.ts";
import type { Work } from "../work.ts";
import { type Flags, noFlags } from "./flags.ts";
import { printArgument, printed } from "./print.ts";

/** Go refuses widths and precisions beyond it. */
const maxNumber = 1_000_000;

/** Go's `fmt.Sprintf`: what does not fit is told in the result, as `%!d(string=hi)`. @throws Failure */
export function sprintf(format: string, args: readonly Value[], work: Work): string {
  return new Formatter(format, args, work).run();
}

class Formatter {
  readonly #format: string;
  readonly #args: readonly Value[];
  readonly #work: Work;
  #at = 0;
  #next = 0;
  /** Whether the index of an argument was given, so that unused ones are no fault. */
  #isReordered = false;
  /** Whether indexes were fit within the verb that is read. */
  #isGood = true;
  /** Whether an index like [3] was read last. */
  #isAfterIndex = false;
  #result = "";

  constructor(format: string, args: readonly Value[], work: Work) {
    this.#format = format;
    this.#args = args;
    this.#work = work;
  }

  run(): string {
    while (this.#at < this.#format.length) {
      const percent = this.#format.indexOf("%", this.#at);
      const end = percent < 0 ? this.#format.length : percent;
      this.#write(this.#format.slice(this.#at, end));
      this.#at = end;
      if (percent >= 0) this.#directive();
    }
    if (!this.#isReordered && this.#next < this.#args.length) this.#extra();
    return this.#result;
  }

  #write(text: string): void {
    this.#result += text;
    this.#work.text(this.#result.length);
  }

  #directive(): void {
    this.#at++;
    this.#isGood = true;
    this.#isAfterIndex = false;
    let flags = this.#flags();
    this.#index();
    flags = this.#width(flags);
    flags = this.#precision(flags);
    if (!this.#isAfterIndex) this.#index();
    const code = this.#format.codePointAt(this.#at);
    if (code === undefined) {
      this.#write("%!(NOVERB)");
      return;
    }
    const verb = String.fromCodePoint(code);
    this.#at += verb.length;
    this.#verb(verb, flags);
  }

  #flags(): Flags {
    const [read = ""] = /^[-+# 0]*/.exec(this.#format.slice(this.#at, this.#at + 100)) ?? [];
    this.#at += read.length;
    return {
      ...noFlags,
      plus: read.includes("+"),
      minus: read.includes("-"),
      sharp: read.includes("#"),
      space: read.includes(" "),
      zero: read.includes("0"),
    };
  }

  /** `[3]`: the argument that comes next. */
  #index(): void {
    this.#isAfterIndex = false;
    if (this.#format[this.#at] !== "[") return;
    this.#isReordered = true;
    const end = this.#format.indexOf("]", this.#at);
    const digits = this.#format.slice(this.#at + 1, Math.max(end, this.#at + 1));
    const isNumber = end > this.#at + 1 && /^[0-9]{1,7}$/.test(digits) && Number(digits) <= maxNumber;
    this.#at = end < 0 ? this.#at + 1 : end + 1;
    const index = Number(digits) - 1;
    if (isNumber && index >= 0 && index < this.#args.length) this.#next = index;
    else this.#isGood = false;
    this.#isAfterIndex = isNumber;
  }

  #width(flags: Flags): Flags {
    if (this.#format[this.#at] === "*") {
      this.#at++;
      this.#isAfterIndex = false;
      const width = this.#number();
      if (width === undefined) this.#write("%!(BADWIDTH)");
      if (width === undefined) return flags;
      return width < 0 ? { ...flags, width: -width, minus: true, zero: false } : { ...flags, width };
    }
    const width = this.#digits();
    if (width === undefined) return flags;
    if (this.#isAfterIndex) this.#isGood = false;
    return { ...flags, width };
  }

  #precision(flags: Flags): Flags {
    if (this.#format[this.#at] !== "." || this.#at + 1 >= this.#format.length) return flags;
    this.#at++;
    if (this.#isAfterIndex) this.#isGood = false;
    this.#index();
    if (this.#format[this.#at] !== "*") return { ...flags, precision: this.#digits() ?? 0 };
    this.#at++;
    this.#isAfterIndex = false;
    const precision = this.#number();
    if (precision !== undefined && precision >= 0) return { ...flags, precision };
    this.#write("%!(BADPREC)");
    return flags;
  }

  /** The next argument, as a width. */
  #number(): number | undefined {
    if (this.#next >= this.#args.length) return undefined;
    const value = this.#args[this.#next++];
    if (!(value instanceof GoInt)) return undefined;
    const number = Number(value.value);
    return Math.abs(number) > maxNumber ? undefined : number;
  }

  /** Digits of the format; a number that is too large takes the rest of it, as in Go. */
  #digits(): number | undefined {
    let number: number | undefined;
    for (;;) {
      const char = this.#format.charAt(this.#at);
      if (char < "0" || char > "9" || char === "") return number;
      if ((number ?? 0) > maxNumber) {
        this.#at = this.#format.length;
        return undefined;
      }
      number = (number ?? 0) * 10 + Number(char);
      this.#at++;
    }
  }

  #verb(verb: string, flags: Flags): void {
    const value = this.#args[this.#next];
    if (verb === "%") this.#write("%");
    else if (!this.#isGood) this.#write(`%!${verb}(BADINDEX)`);
    else if (value === undefined) this.#write(`%!${verb}(MISSING)`);
    else this.#argument(value, verb, flags);
  }

  #argument(value: Value, verb: string, flags: Flags): void {
    this.#next++;
    this.#work.text(Math.max(flags.width ?? 0, flags.precision ?? 0));
    const isV = verb === "v" || verb === "w";
    const shown = isV ? { ...flags, sharp: false, plus: false, sharpV: flags.sharp, plusV: flags.plus } : flags;
    this.#write(printArgument(value, verb, shown, this.#work));
  }

  #extra(): void {
    const extra = this.#args.slice(this.#next);
    const texts = extra.map((value) => (value === null ? "<nil>" : `${typeOf(value)}=${printed(value, this.#work)}`));
    this.#write(`%!(EXTRA ${texts.join(", ")})`);
  }
}
