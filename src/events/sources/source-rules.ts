import { errorAt, listOf, objectOf, textOf, warningAt } from "../../api/fields.ts";
import { requiredText, textField } from "../../api/shared-schemas.ts";
import { checkTls } from "../../api/value-rules.ts";
import { parseDuration } from "../../base/duration.ts";
import { messageOf } from "../../base/errors.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import { compileRegex } from "../../base/regex.ts";
import type { JsonSchema, Problem } from "../../base/schema.ts";
import type { SourceRule } from "./source-schema.ts";

/** Rules that several kinds have. */

/** Whether a field is there; Go takes an empty text for a missing one. */
export function has(object: JsonObject, field: string): boolean {
  return object[field] !== undefined && object[field] !== "";
}

/** The original checks `tls` of this kind at admission. */
export const tlsRule: SourceRule = (event, path) => checkTls(event.tls, `${path}.tls`, "error");

/** The original finds out about `tls` of this kind when it connects. */
export const lateTlsRule: SourceRule = (event, path) => checkTls(event.tls, `${path}.tls`, "warning");

/** `filter.expression` of a kind for which the original does not evaluate it. */
export const ownFilterRule: SourceRule = (event, path) => {
  if (!has(objectOf(event.filter), "expression")) return [];
  const message = "Argo Events does not evaluate it for this kind, and emits all events; Tiphys does";
  return [warningAt(`${path}.filter.expression`, message)];
};

export function checkDuration(value: JsonValue | undefined, path: string, severity: Problem["severity"]): Problem[] {
  const text = textOf(value);
  if (text === "") return [];
  try {
    parseDuration(text);
    return [];
  } catch (error) {
    return [{ severity, path, message: messageOf(error) }];
  }
}

/** Warns about each item of a list of texts that is none of `known`. */
export function unknownItems(value: JsonValue | undefined, known: readonly string[], path: string): Problem[] {
  return listOf(value).flatMap((item, index) =>
    typeof item !== "string" || known.includes(item)
      ? []
      : [warningAt(`${path}[${index}]`, `"${item}" must be one of ${known.join(", ")}`)],
  );
}

/** `url` as the base of a hook is what makes the original register one. */
export function wantsHook(event: JsonObject): boolean {
  return has(objectOf(event.webhook), "url");
}

/** A secret that the original reads only where it registers the hook itself: without `webhook.url` nothing is checked. */
export function unreadSecretRule(field: string, manages: (event: JsonObject) => boolean): SourceRule {
  return (event, path) =>
    event[field] === undefined || manages(event)
      ? []
      : [
          warningAt(
            `${path}.${field}`,
            "Argo Events does not check requests with it unless it registers the hook itself (webhook.url and a token)",
          ),
        ];
}

/** An old field and the list that took its place: with both, the old one has no effect. */
export function replacedRule(fields: readonly string[], list: string): SourceRule {
  return (event, path) => {
    const used = fields.filter((field) => has(event, field));
    if (used.length === 0) return [];
    const both = listOf(event[list]).length > 0;
    const message = both ? `has no effect beside ${list}` : `is deprecated: use ${list}`;
    return used.map((field) => warningAt(`${path}.${field}`, message));
  };
}

export const watchPathFields = {
  directory: requiredText("The directory that is watched, as an absolute path ending in /."),
  path: textField("A file's path in the directory. This or `pathRegexp`."),
  pathRegexp: textField("A regular expression that a file's path matches. This or `path`."),
} as const satisfies Readonly<Record<string, JsonSchema>>;

export const fileOperations = ["CREATE", "WRITE", "REMOVE", "RENAME", "CHMOD"] as const;

/** `CREATE|WRITE`, in capitals and without spaces: the original compares the names as they stand. */
export function operationsOf(text: string): readonly string[] {
  return text.split("|");
}

/** WatchPathConfig: a directory and a path or a pattern in it. */
export function checkWatchPath(watch: JsonObject, path: string): Problem[] {
  const directory = textOf(watch.directory);
  const [name, pattern] = [textOf(watch.path), textOf(watch.pathRegexp)];
  const problems: Problem[] = [];
  if (directory !== "" && !directory.startsWith("/")) {
    problems.push(errorAt(`${path}.directory`, `"${directory}" must be an absolute path`));
  }
  if (name === "" && pattern === "") problems.push(errorAt(path, "either path or pathRegexp must be specified"));
  if (name !== "" && pattern !== "") problems.push(errorAt(path, "path and pathRegexp must not be given together"));
  if (name.startsWith("/")) problems.push(errorAt(`${path}.path`, `"${name}" must be a relative path`));
  return [...problems, ...checkPattern(pattern, `${path}.pathRegexp`)];
}

function checkPattern(pattern: string, path: string): Problem[] {
  try {
    compileRegex(pattern);
    return [];
  } catch (error) {
    return [errorAt(path, messageOf(error))];
  }
}

/** AWS keys (spec argo-events 1.6): two or none, and none beside a role. */
export const awsKeysRule: SourceRule = (event, path) => {
  const keys = ["accessKey", "secretKey"].filter((field) => event[field] !== undefined);
  if (has(event, "roleARN")) return keys.map((key) => warningAt(`${path}.${key}`, "has no effect beside roleARN"));
  if (keys.length !== 1) return [];
  const missing = keys[0] === "accessKey" ? "secretKey" : "accessKey";
  return [warningAt(`${path}.${missing}`, "is missing: the keys only work together")];
};
