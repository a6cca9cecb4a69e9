import type { Request } from "express";
import { EngineError } from "../base/errors.ts";
import type { ResourceName } from "../record/records.ts";

const maxLimit = 1_000;

/** A parameter of the query; undefined when it is not there, or empty. */
export function textOf(request: Request, name: string): string | undefined {
  const value = request.query[name];
  if (value === undefined || value === "") return undefined;
  if (typeof value === "string") return value;
  throw new EngineError("USAGE", `${name}: must be given once`);
}

export function numberOf(request: Request, name: string): number | undefined {
  const text = textOf(request, name);
  return text === undefined ? undefined : wholeNumber(text, name);
}

export function wholeNumber(text: string, name: string): number {
  const value = Number(text);
  if (text !== "" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new EngineError("USAGE", `${name}: "${text}" must be a whole number`);
}

/** `limit`, 1 to 1000; default 50. */
export function limitOf(request: Request): number {
  const limit = numberOf(request, "limit") ?? 50;
  if (limit >= 1 && limit <= maxLimit) return limit;
  throw new EngineError("USAGE", `limit: "${limit}" must be 1 to ${maxLimit}`);
}

export function sensorOf(request: Request): ResourceName | undefined {
  const text = textOf(request, "sensor");
  return text === undefined ? undefined : sensorNameOf(text);
}

export function sensorNameOf(text: string): ResourceName {
  const [namespace = "", name = "", ...rest] = text.split("/");
  if (namespace !== "" && name !== "" && rest.length === 0) return { namespace, name };
  throw new EngineError("USAGE", `sensor: "${text}" must be NAMESPACE/NAME`);
}

/** @throws EngineError NOT_FOUND */
export function found<T>(value: T | undefined, what: string, id: string): T {
  if (value === undefined) throw new EngineError("NOT_FOUND", `no ${what} "${id}" is known`);
  return value;
}

export function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V };
}
