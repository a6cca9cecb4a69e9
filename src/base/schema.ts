import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { TerminalError } from "./errors.ts";

/** A JSON Schema as Kubernetes' CRDs take it (OpenAPI v3 structural). */
export interface JsonSchema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly enum?: readonly (string | number | boolean)[];
  readonly default?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly minItems?: number;
  readonly minProperties?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly nullable?: boolean;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly "x-kubernetes-int-or-string"?: true;
  readonly "x-kubernetes-preserve-unknown-fields"?: true;
}

/** What is wrong with a value, as data. */
export interface Problem {
  readonly severity: "error" | "warning";
  /** The user's own: `spec.webhook.push.endpoint`. */
  readonly path: string;
  /** The bad value and what was expected. */
  readonly message: string;
  /** The likely right thing, as a sentence without a full stop: "did you mean `retryStrategy`?". */
  readonly suggestion?: string;
}

/** One source of truth of a spec: types, validation, CRDs and docs come from it. */
export interface Schema<Spec> {
  readonly json: JsonSchema;
  /**
   * The typed value with defaults filled in, in a copy; unknown fields are kept. `path` is where the value stands.
   * @throws TerminalError MANIFEST_INVALID that lists every problem at once.
   */
  parse(value: unknown, path: string): Spec;
  /** Every problem at once; none when the value is valid. Does not throw. */
  check(value: unknown, path: string): Problem[];
}

/**
 * A schema whose validator is compiled at its first use (about 5 ms each). The caller vouches that `Spec` is what `json`
 * describes.
 */
export function createSchema<Spec>(json: JsonSchema): Schema<Spec> {
  let compiled: ValidateFunction | undefined;
  const validate = (copy: unknown): readonly ErrorObject[] => {
    compiled ??= newAjv().compile(json);
    return compiled(copy) ? [] : (compiled.errors ?? []);
  };
  const check = (value: unknown, path: string): Problem[] => toProblems(validate(structuredClone(value)), path);
  return {
    json,
    check,
    parse(value, path) {
      const copy = structuredClone(value);
      const problems = toProblems(validate(copy), path);
      if (problems.length > 0) throw new TerminalError("MANIFEST_INVALID", formatProblems(problems));
      return copy as Spec;
    },
  };
}

export function formatProblems(problems: readonly Problem[]): string {
  return problems.map((problem) => `${problem.path}: ${problem.message}`).join("; ");
}

function newAjv(): Ajv {
  // strict: false, since structural schemas carry x-kubernetes-* keywords and Kubernetes' own formats.
  return new Ajv({
    allErrors: true,
    strict: false,
    useDefaults: true,
    verbose: true,
    validateFormats: false,
    meta: false, // our own schemas need no check against the meta-schema, which costs 0.2 s to compile
    validateSchema: false,
  });
}

function toProblems(errors: readonly ErrorObject[], path: string): Problem[] {
  const problems = new Map<string, Problem>();
  for (const error of errors) {
    if (error.keyword === "oneOf" || error.keyword === "anyOf" || error.keyword === "if") continue;
    const at = path + fieldPath(error.instancePath) + missingField(error);
    problems.set(`${at} ${error.keyword}`, { severity: "error", path: at, message: explain(error) });
  }
  if (problems.size === 0 && errors[0]) {
    problems.set("", {
      severity: "error",
      path: path + fieldPath(errors[0].instancePath),
      message: explain(errors[0]),
    });
  }
  return [...problems.values()];
}

/** `/triggers/0/template` → `.triggers[0].template` */
function fieldPath(pointer: string): string {
  return pointer
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((token) => (/^\d+$/.test(token) ? `[${token}]` : `.${token}`))
    .join("");
}

function missingField(error: ErrorObject): string {
  return error.keyword === "required" ? `.${String(error.params.missingProperty)}` : "";
}

function explain(error: ErrorObject): string {
  const value = JSON.stringify(error.data)?.slice(0, 80);
  switch (error.keyword) {
    case "required":
      return "is required";
    case "enum":
      return `${value} must be one of ${(error.params.allowedValues as readonly unknown[]).map((v) => JSON.stringify(v)).join(", ")}`;
    case "type":
      return `${value} must be ${article(String(error.params.type))}`;
    case "minLength":
      return `${value} must not be empty`;
    default:
      return `${value} ${error.message ?? `does not satisfy ${error.keyword}`}`;
  }
}

function article(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}
