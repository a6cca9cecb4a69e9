import { setOwn } from "../../json.ts";
import { own } from "../fields.ts";
import { fieldsOf, isFields, isTrue, type Value } from "../values.ts";
import type { Work } from "../work.ts";

/**
 * Takes the fields of `source` into `target`, maps within maps too. What `target` has stays unless it is empty, or
 * `overwrites` is set; then even an empty value of `source` takes its place.
 */
export function merge(
  target: Record<string, Value>,
  source: Readonly<Record<string, Value>>,
  overwrites: boolean,
  work: Work,
  depth = 0,
): void {
  work.nest(depth);
  for (const [name, value] of Object.entries(source)) {
    work.spend();
    const current = own(target, name);
    if (value === null) {
      if (overwrites) setOwn(target, name, null);
      continue;
    }
    const fields = fieldsOf(value);
    if (fields !== undefined && isFields(current)) merge(mutable(current), fields, overwrites, work, depth + 1);
    const isThere = current !== undefined && isTrue(current);
    const isMerged = fields !== undefined && fieldsOf(current) !== undefined;
    if (!isThere || (overwrites && !isMerged)) setOwn(target, name, value);
  }
}

/** Fields within a map that may be changed may be changed too. */
function mutable(fields: Readonly<Record<string, Value>>): Record<string, Value> {
  return fields as Record<string, Value>;
}
