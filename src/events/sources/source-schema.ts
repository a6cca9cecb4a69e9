import { readFields } from "../../api/fields.ts";
import { checkSelectors } from "../../api/value-rules.ts";
import { TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { createSchema, formatProblems, type JsonSchema, type Problem, type Schema } from "../../base/schema.ts";

/**
 * What a kind demands beyond types: errors where the original refuses an event, warnings where it takes one that does
 * not do what it says. Runs on whatever is there, beside the check of types; `path` is where the event stands.
 */
export type SourceRule = (event: JsonObject, path: string) => readonly Problem[];

/** The schema of a kind of source with its rules; selectors of Secrets without a name or key are warned about. */
export function sourceSchema<Spec = unknown>(json: JsonSchema, ...rules: readonly SourceRule[]): Schema<Spec> {
  const shape = createSchema<Spec>(json);
  const check = (value: unknown, path: string): Problem[] => {
    const event = readFields(value as JsonValue, json, path, []);
    const ruled = isJsonObject(event) ? rules.flatMap((rule) => rule(event, path)) : [];
    return [...shape.check(value, path), ...ruled, ...checkSelectors(event, json, path)];
  };
  return {
    json,
    check,
    parse(value, path) {
      const errors = check(value, path).filter(({ severity }) => severity === "error");
      if (errors.length > 0) throw new TerminalError("MANIFEST_INVALID", formatProblems(errors));
      return shape.parse(value, path);
    },
  };
}
