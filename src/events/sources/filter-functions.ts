import { EngineError, messageOf } from "../../base/errors.ts";
import {
  Byte,
  ExprFunction,
  type Value as ExprValue,
  type Fields,
  isFields as isExprFields,
  isList,
  itemsOf as itemsOfList,
  Time,
  typeOf,
} from "../../base/expr/values/values.ts";
import type { GoFunction } from "../../base/go-template/function.ts";
import { momentFunctions } from "../../base/go-template/sprig/moment.ts";
import { refusedFunctions } from "../../base/go-template/sprig/refused.ts";
import { sprig } from "../../base/go-template/sprig/sprig.ts";
import { GoTime } from "../../base/go-template/sprig/time.ts";
import { fieldsOf, GoInt, GoStruct, itemsOf, type Value } from "../../base/go-template/values.ts";
import { defaultLimits, Failure, Work } from "../../base/go-template/work.ts";
import { parseJson, setOwn, withFloats } from "../../base/json.ts";
import { compileJsonPath } from "../../base/json-path.ts";

export interface FilterFunctions {
  readonly table: Fields;
  /** Before each evaluation: the limits are those of one. */
  restart(): void;
}

/** What `filter.expression` may call beside the builtins of expr (spec argo-events 3.3). `now`: milliseconds since 1970. */
export function createFilterFunctions(now: () => number): FilterFunctions {
  let evaluations = 0;
  const start = (): Work => {
    const nowMs = now();
    return new Work(defaultLimits, new Map(), { nowMs, seed: `${nowMs} ${evaluations++}` });
  };
  let work = start();
  const call = (name: string, body: GoFunction): ExprFunction =>
    new ExprFunction((args) => {
      try {
        return fromGo(body.call(argumentsOf(body, args), work));
      } catch (error) {
        if (error instanceof Failure) throw failed(`${name}: ${error.message}`);
        throw error;
      }
    });
  const names: Record<string, ExprValue> = {};
  for (const [name, reason] of Object.entries(refusedFunctions)) {
    names[name] = new ExprFunction(() => {
      throw failed(`sprig.${name} is not available: ${reason}`);
    });
  }
  for (const [name, body] of Object.entries({ ...sprig, ...momentFunctions }))
    names[name] = call(`sprig.${name}`, body);
  const { toJson } = sprig;
  return {
    table: {
      sprig: names,
      asInt: new ExprFunction(([value]) => asInt(value ?? null)),
      asFloat: new ExprFunction(([value]) => asFloat(value ?? null)),
      jsonpath: new ExprFunction(([text, path]) => jsonPath(text ?? null, path ?? null)),
      ...(toJson ? { toJson: call("toJson", toJson) } : {}),
    },
    restart() {
      work = start();
    },
  };
}

function failed(message: string): EngineError {
  return new EngineError("EXPRESSION_FAILED", message);
}

function argumentsOf({ params, rest }: GoFunction, args: readonly ExprValue[]): readonly unknown[] {
  if (args.length < params.length || (rest === undefined && args.length > params.length)) {
    const least = rest === undefined ? "" : " at least";
    throw new Failure(`it takes${least} ${params.length} arguments, and gets ${args.length}`);
  }
  return args.map((arg, index) => (params[index] ?? rest)?.accept(toGo(arg)));
}

/** @throws Failure for what templates do not have */
function toGo(value: ExprValue): Value {
  if (typeof value === "bigint") return new GoInt("int", value);
  if (value === null || typeof value !== "object") return value;
  if (isList(value)) return itemsOfList(value).map(toGo);
  if (value instanceof Time) return new GoTime(value.at);
  if (value instanceof Byte) return new GoInt("uint8", BigInt(value.value));
  if (isExprFields(value)) return mapped(value, toGo);
  throw new Failure(`it does not take a ${typeOf(value)}`);
}

/** Integers are ints, and lists and maps of texts are lists and maps. */
function fromGo(value: Value | undefined): ExprValue {
  if (value === undefined || value === null || typeof value !== "object") return value ?? null;
  if (value instanceof GoInt) return value.value;
  if (value instanceof GoTime) return new Time(value.at);
  if (value instanceof GoStruct) return value.text();
  const items = itemsOf(value);
  return items === undefined ? mapped(fieldsOf(value) ?? {}, fromGo) : items.map(fromGo);
}

function mapped<From, To>(fields: Readonly<Record<string, From>>, change: (value: From) => To): Record<string, To> {
  const changed: Record<string, To> = {};
  for (const [name, value] of Object.entries(fields)) setOwn(changed, name, change(value));
  return changed;
}

/** A number without its fraction; a text of decimal digits. */
function asInt(value: ExprValue): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isFinite(value)) return BigInt.asIntN(64, BigInt(Math.trunc(value)));
  if (typeof value === "string" && /^[+-]?[0-9]{1,19}$/.test(value)) return BigInt(value.replace(/^\+/, ""));
  throw failed(`asInt: ${shown(value)} is no integer`);
}

function asFloat(value: ExprValue): number {
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "number") return value;
  if (typeof value === "string" && /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(value))
    return Number(value);
  throw failed(`asFloat: ${shown(value)} is no number`);
}

/** Nil where there is nothing. */
function jsonPath(text: ExprValue, path: ExprValue): ExprValue {
  if (typeof text !== "string" || typeof path !== "string") {
    throw failed(`jsonpath: it takes JSON as text and a path; got a ${typeOf(text)} and a ${typeOf(path)}`);
  }
  try {
    return withFloats(compileJsonPath(path).read(parseJson(text)) ?? null);
  } catch (error) {
    throw failed(`jsonpath: ${messageOf(error)}`);
  }
}

function shown(value: ExprValue): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 60)) : `a ${typeOf(value)}`;
}
