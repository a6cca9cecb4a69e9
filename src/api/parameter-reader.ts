import { parseDuration } from "../base/duration.ts";
import { EngineError } from "../base/errors.ts";
import type { JsonValue } from "../base/json.ts";
import { textOf } from "./fields.ts";

/** Reads values of `argocd-cmd-params-cm`. What cannot be read is a problem, and counts as not said. */
export interface Reader {
  flag(key: string, otherwise: boolean): boolean;
  /** A whole number, 0 or more. */
  number(key: string, otherwise: number): number;
  /** In Kubernetes' way to write a quantity; 0: no limit, which is the largest number. */
  bytes(key: string, otherwise: number): number;
  /** Of a Go duration, over 0. */
  ms(key: string, otherwise: number): number;
  /** Parted by commas. */
  list(key: string): readonly string[];
}

export function createReader(data: Readonly<Record<string, JsonValue | undefined>>, problems: string[]): Reader {
  const said = (key: string): string => textOf(data[key]).trim();
  function read<T>(key: string, otherwise: T, parse: (text: string) => T | undefined, wanted: string): T {
    const text = said(key);
    if (text === "") return otherwise;
    const value = parse(text);
    if (value !== undefined) return value;
    problems.push(`argocd-cmd-params-cm: ${key}: ${JSON.stringify(text.slice(0, 100))} must be ${wanted}`);
    return otherwise;
  }
  return {
    flag: (key, otherwise) => read(key, otherwise, parseFlag, "true or false"),
    number: (key, otherwise) => read(key, otherwise, parseCount, "a number, 0 for no limit"),
    bytes: (key, otherwise) => read(key, otherwise, parseSize, "a size such as 10M or 10Mi"),
    ms: (key, otherwise) => read(key, otherwise, parseMs, "a duration over 0 such as 15s"),
    list: (key) =>
      said(key)
        .split(",")
        .flatMap((one) => one.trim() || []),
  };
}

/** As Go's ParseBool. */
function parseFlag(text: string): boolean | undefined {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  return ["0", "f", "F", "false", "FALSE", "False"].includes(text) ? false : undefined;
}

function parseCount(text: string): number | undefined {
  return /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}

function parseMs(text: string): number | undefined {
  try {
    const ms = parseDuration(text);
    return ms > 0 ? ms : undefined;
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}

const units = { "": 1, k: 1e3, M: 1e6, G: 1e9, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 } as const;

function parseSize(text: string): number | undefined {
  const [, number = "", unit = ""] = /^(\d{1,12}(?:\.\d{1,6})?)([kMG]|[KMG]i)?$/.exec(text) ?? [];
  if (number === "") return undefined;
  const bytes = Math.floor(Number(number) * units[unit as keyof typeof units]);
  return bytes === 0 ? Number.MAX_SAFE_INTEGER : bytes;
}
