import { EngineError, TerminalError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import { preview, toJson } from "./values/encode.ts";
import { typeOf } from "./values/values.ts";

const shownLength = 60;

/** `at` is an offset in `source`. */
export function invalid(source: string, at: number, what: string): TerminalError {
  const shown = source.length > shownLength ? `${source.slice(0, shownLength)}…` : source;
  return new TerminalError(
    "EXPRESSION_INVALID",
    `jq program ${JSON.stringify(shown)} at ${placeOf(source, at)}: ${what}`,
  );
}

/** The offset from 0; line:column from 1 where there are several lines. */
function placeOf(source: string, at: number): string {
  if (!source.includes("\n")) return String(at);
  const before = source.slice(0, at);
  return `${before.split("\n").length}:${at - (before.lastIndexOf("\n") + 1) + 1}`;
}

/** What a program failed with: the message is the one of gojq. */
export class JqError extends EngineError {
  /** What `catch` would have got. */
  readonly value: JsonValue;
  constructor(message: string, value: JsonValue) {
    super("EXPRESSION_FAILED", message);
    this.value = value;
  }
}

/** A program needed more than `JqLimits` allow. No program can catch it. */
export class JqLimitError extends EngineError {}

export function limitReached(message: string): JqLimitError {
  return new JqLimitError("EXPRESSION_FAILED", `the jq program ${message}`);
}

/**
 * An error within a program. No `Error`: most are caught by `?`, and neither their text nor a stack is ever looked at.
 */
export class Fault {
  readonly #text: () => string;
  constructor(text: () => string) {
    this.#text = text;
  }
  get message(): string {
    return this.#text();
  }
  /** What `catch` gets. */
  get value(): JsonValue {
    return this.#text();
  }
}

/** `error(value)` */
export class ErrorValue extends Fault {
  readonly #value: JsonValue;
  constructor(value: JsonValue) {
    super(() => `error: ${typeof value === "string" ? value : toJson(value)}`);
    this.#value = value;
  }
  override get value(): JsonValue {
    return this.#value;
  }
}

/** `halt` and `halt_error`: nothing in the program catches it. */
export class Halt {
  readonly value: JsonValue;
  constructor(value: JsonValue) {
    this.value = value;
  }
  get message(): string {
    return `halt error: ${typeof this.value === "string" ? this.value : toJson(this.value)}`;
  }
}

/** `break` to one run of a `label`. */
export class Break {}

export function fault(text: string): Fault {
  return new Fault(() => text);
}

/** `number (1)`; a value in a message is cut. */
export function shown(value: JsonValue): string {
  return value === null ? "null" : `${typeOf(value)} (${preview(value)})`;
}

/** `name cannot be applied to: number (1)`, with the arguments that it had. */
export function notFor(name: string, value: JsonValue, ...args: readonly JsonValue[]): Fault {
  return new Fault(() => `${called(name, args)} cannot be applied to: ${shown(value)}`);
}

/** The same with the reason. */
export function failedFor(
  reason: Fault | string,
  name: string,
  value: JsonValue,
  ...args: readonly JsonValue[]
): Fault {
  return new Fault(() => {
    const text = typeof reason === "string" ? reason : reason.message;
    return `${called(name, args)} cannot be applied to ${preview(value)}: ${text}`;
  });
}

function called(name: string, args: readonly JsonValue[]): string {
  return args.length === 0 ? name : `${name}(${args.map(preview).join("; ")})`;
}

export function noOperands(name: string, left: JsonValue, right: JsonValue): Fault {
  return new Fault(() => `cannot ${name}: ${shown(left)} and ${shown(right)}`);
}

export function expected(what: string, value: JsonValue): Fault {
  return new Fault(() => `expected ${what} but got: ${shown(value)}`);
}
