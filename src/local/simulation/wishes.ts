import { parseDuration } from "../../base/duration.ts";
import { TerminalError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { metaOf, objectOf } from "./cluster.ts";

/** How a Pod is to turn out, as its annotations say. */
export interface Wishes {
  readonly afterMs: number;
  readonly outcome: "succeed" | "fail" | "hang";
  /** For its status; also says what in the annotations cannot be read. */
  readonly message: string | undefined;
}

const prefix = "tiphys.io/simulate-";
const defaultAfterMs = 1_000;
const outcomes = ["succeed", "fail", "hang"] as const;

export function readWishes(object: JsonObject): Wishes {
  const annotations = objectOf(metaOf(object).annotations);
  const {
    [`${prefix}after`]: after,
    [`${prefix}outcome`]: outcome = "succeed",
    [`${prefix}message`]: text,
  } = annotations;
  const known = outcomes.find((name) => name === outcome);
  const delay = delayOf(after === undefined ? undefined : String(after));
  const problems = [
    ...(known === undefined ? [`${prefix}outcome: ${JSON.stringify(outcome)} must be succeed, fail or hang`] : []),
    ...(delay.problem === undefined ? [] : [delay.problem]),
  ];
  const message = [...(text === undefined ? [] : [String(text)]), ...problems].join("; ");
  return { afterMs: delay.ms, outcome: known ?? "succeed", message: message === "" ? undefined : message };
}

function delayOf(text: string | undefined): { readonly ms: number; readonly problem?: string } {
  if (text === undefined) return { ms: defaultAfterMs };
  try {
    return { ms: Math.max(0, parseDuration(text)) };
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return { ms: defaultAfterMs, problem: `${prefix}after: ${error.message}` };
  }
}

/** The annotations of a workload that its Pods get where the template says nothing itself. */
export function wishesToPass(annotations: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => key.startsWith(prefix)));
}
