import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { TerminalError } from "./errors.ts";
import { nearest } from "./nearest.ts";

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

/** MANIFEST_INVALID with its problems as data; the message lists the errors. */
export class InvalidManifest extends TerminalError {
  /** Warnings, too. */
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super("MANIFEST_INVALID", formatProblems(problems.filter(({ severity }) => severity === "error")));
    this.problems = problems;
  }
}

/** One source of truth of a spec: types, validation, CRDs and docs come from it. */
export interface Schema<Spec> {
  readonly json: JsonSchema;
  /**
   * The typed value with defaults filled in, in a copy; unknown fields are kept. `path` is where the value stands.
   * @throws InvalidManifest that lists every problem at once.
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
  let quick: ValidateFunction | undefined;
  const validate = (copy: unknown): readonly ErrorObject[] => {
    compiled ??= newAjv({ useDefaults: true }).compile(json);
    return compiled(copy) ? [] : (compiled.errors ?? []);
  };
  const check = (value: unknown, path: string): Problem[] => {
    // Defaults are written into what is checked, hence the copy; what is valid without them needs neither.
    quick ??= newAjv({ useDefaults: false }).compile(json);
    return quick(value) ? [] : toProblems(validate(structuredClone(value)), path);
  };
  return {
    json,
    check,
    parse(value, path) {
      const copy = structuredClone(value);
      const problems = toProblems(validate(copy), path);
      if (problems.length > 0) throw new InvalidManifest(problems);
      return copy as Spec;
    },
  };
}

export function formatProblems(problems: readonly Problem[]): string {
  return problems
    .map(({ path, message, suggestion }) => `${path}: ${message}${suggestion === undefined ? "" : `; ${suggestion}`}`)
    .join("; ");
}

function newAjv({ useDefaults }: { readonly useDefaults: boolean }): Ajv {
  // strict: false, since structural schemas carry x-kubernetes-* keywords and Kubernetes' own formats.
  const ajv = new Ajv({
    allErrors: true,
    strict: false,
    useDefaults,
    verbose: true,
    formats: { int32: { type: "number", validate: isInt32 } },
    logger: false, // it would tell of each format that it does not know
    meta: false, // our own schemas need no check against the meta-schema, which costs 0.2 s to compile
    validateSchema: false,
  });
  return ajv.addKeyword({ keyword: intOrString, validate: (_: unknown, data: unknown) => isIntOrString(data) });
}

const intOrString = "x-kubernetes-int-or-string";

/** What Go decodes into an `int32`. */
function isInt32(value: number): boolean {
  return value >= -(2 ** 31) && value < 2 ** 31;
}

/** What Kubernetes' type of that name decodes; an integer that a number does not hold is a `bigint`. */
export function isIntOrString(value: unknown): boolean {
  return typeof value === "string" || typeof value === "bigint" || Number.isInteger(value);
}

function toProblems(errors: readonly ErrorObject[], path: string): Problem[] {
  const problems = new Map<string, Problem>();
  for (const error of errors) {
    if (error.keyword === "oneOf" || error.keyword === "anyOf" || error.keyword === "if") continue;
    const problem = toProblem(error, path);
    problems.set(`${problem.path} ${error.keyword}`, problem);
  }
  if (problems.size === 0 && errors[0]) problems.set("", toProblem(errors[0], path));
  return [...problems.values()];
}

function toProblem(error: ErrorObject, path: string): Problem {
  const suggestion = suggest(error);
  return {
    severity: "error",
    path: path + fieldPath(error.instancePath) + missingField(error),
    message: explain(error),
    ...(suggestion === undefined ? {} : { suggestion }),
  };
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
  const value = shownValue(error);
  switch (error.keyword) {
    case "required":
      return "is required";
    case "enum":
      return `${value} must be one of ${allowedOf(error)
        .map((allowed) => JSON.stringify(allowed))
        .join(", ")}`;
    case "type":
      return `${value} must be ${article(String(error.params.type))}`;
    case intOrString:
      return `${value} must be an integer or a string`;
    case "format":
      return `${value} must be an integer of 32 bits: -2147483648 to 2147483647`;
    case "minLength":
      return `${value} must not be empty`;
    default:
      return `${value} ${error.message ?? `does not satisfy ${error.keyword}`}`;
  }
}

function suggest(error: ErrorObject): string | undefined {
  const { keyword, data } = error;
  if (keyword === "type") return suggestType(String(error.params.type), data, error.parentSchema);
  if (keyword !== "enum" || typeof data !== "string") return undefined;
  const allowed = allowedOf(error).filter((value) => typeof value === "string");
  const likely = nearest(data, allowed);
  return likely === undefined ? undefined : `did you mean \`${likely}\`?`;
}

/** How a value of another type is likely meant. */
function suggestType(type: string, data: unknown, schema: unknown): string | undefined {
  switch (type) {
    case "string":
      if (typeof data === "boolean") return "put it in quotes: YAML takes yes, no, on, off, y and n for booleans, too";
      return typeof data === "number" ? "put it in quotes" : undefined;
    case "array":
      return data === null ? undefined : "write a list, even of one";
    case "object": {
      const fields = fieldNames(schema).slice(0, maxShownFields);
      return isScalar(data) && fields.length > 0 ? `write its fields: ${fields.join(", ")}` : undefined;
    }
    default:
      return typeof data === "string" && isUnquoted(data, type) ? "write it without quotes" : undefined;
  }
}

const maxShownFields = 5;

function fieldNames(schema: unknown): readonly string[] {
  const isObject = typeof schema === "object" && schema !== null && "properties" in schema;
  return isObject && typeof schema.properties === "object" ? Object.keys(schema.properties ?? {}) : [];
}

function isScalar(value: unknown): boolean {
  return value !== null && typeof value !== "object";
}

/** Whether the text is a number or boolean in quotes. */
function isUnquoted(text: string, type: string): boolean {
  if (type === "boolean") return /^(?:true|false)$/i.test(text);
  return type === "integer" ? /^-?\d{1,15}$/.test(text) : /^-?\d{1,15}(?:\.\d+)?$/.test(text);
}

function allowedOf(error: ErrorObject): readonly unknown[] {
  return error.params.allowedValues as readonly unknown[];
}

const maxShownLength = 80;
const secretWord = /secret|token|passw|credential|private ?key/i;

/** At most 80 characters; never of a field whose name or description speaks of a secret, nor what holds such a field. */
function shownValue({ instancePath, parentSchema, data }: ErrorObject): string {
  const description = isNamed(parentSchema) ? parentSchema.description : "";
  const text = shortText(data);
  const keys = typeof data === "object" && data !== null ? text : "";
  if (secretWord.test(`${instancePath} ${description} ${keys}`)) return "the value (not shown)";
  return text.length > maxShownLength ? `${text.slice(0, maxShownLength - 1)}…` : text;
}

/** JSON; what is too large to be shown is not written out first. */
function shortText(data: unknown): string {
  if (typeof data === "string") return JSON.stringify(data.slice(0, maxShownLength + 1));
  return JSON.stringify(data) ?? String(data);
}

function isNamed(schema: unknown): schema is { readonly description: string } {
  return typeof schema === "object" && schema !== null && "description" in schema;
}

function article(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}
