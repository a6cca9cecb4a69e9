import { TerminalError } from "../errors.ts";
import { readable } from "../go/bytes.ts";
import type { FloatObject } from "../json.ts";
import type { Regex } from "../regex.ts";
import { builtins } from "./builtins.ts";
import { compileNodes } from "./compile-node.ts";
import { dotFields } from "./dot-fields.ts";
import { Execution } from "./execution.ts";
import type { MissingKey } from "./fields.ts";
import type { FunctionTable } from "./function.ts";
import type { Delimiters } from "./lexer.ts";
import { type ParsedTemplate, parseTemplate } from "./parser.ts";
import { placeOf } from "./place.ts";
import { changesMaps } from "./sprig/dicts.ts";
import { momentFunctions } from "./sprig/moment.ts";
import { refusedFunctions } from "./sprig/refused.ts";
import { sprig } from "./sprig/sprig.ts";
import { copyOf } from "./values.ts";
import { defaultLimits, Failure, type TemplateLimits, type TemplateMoment, Work } from "./work.ts";

export interface GoTemplateOptions {
  /** `{{` and `}}` where it is not given. */
  readonly leftDelimiter?: string;
  readonly rightDelimiter?: string;
  readonly missingKey?: MissingKey;
  /** Functions beside those of the language; sprig where they are not given. */
  readonly functions?: FunctionTable;
  /** Sprig's functions of time and chance, too, for executions that are told their moment. */
  readonly hasMoment?: boolean;
  readonly limits?: Partial<TemplateLimits>;
}

/** A template that was parsed once. The same data and moment give the same text, always. */
export interface GoTemplate {
  /** @throws TerminalError TEMPLATE_FAILED, with the place in the template */
  execute(data: FloatObject, moment?: TemplateMoment): string;
}

/**
 * Go's `text/template` with sprig. Numbers of the data are float64, as everywhere where Go reads JSON: 1234567 prints as
 * `1.234567e+06`. Templates write no more than `limits` allow and take no more steps.
 * @throws TerminalError TEMPLATE_INVALID or TEMPLATE_UNSUPPORTED, with the place in `source`
 */
export function compileGoTemplate(source: string, options: GoTemplateOptions = {}): GoTemplate {
  const functions = functionsOf(options);
  const used = new Set<string>();
  const { root, named } = parse(source, options, functions, used);
  const run = compileNodes(root, functions);
  const templates = new Map([...named].map(([name, nodes]) => [name, compileNodes(nodes, functions)] as const));
  const limits = { ...defaultLimits, ...options.limits };
  const regexes = new Map<string, Regex>();
  const copies = changesMaps.some((name) => used.has(name));
  return {
    execute(data, moment) {
      const execution = new Execution(new Work(limits, regexes, moment), options.missingKey ?? "default", templates);
      try {
        execution.called(run, copies ? copyOf(data) : data);
        return bounded(readable(execution.output), limits);
      } catch (error) {
        throw failed(error, source, execution.at);
      }
    },
  };
}

/**
 * Only parses: what `compileGoTemplate` would throw, this throws.
 * @throws TerminalError TEMPLATE_INVALID or TEMPLATE_UNSUPPORTED, with the place in `source`
 */
export function checkGoTemplate(source: string, options: GoTemplateOptions = {}): void {
  parse(source, options, functionsOf(options), new Set());
}

/**
 * The fields of its data that a template reads, outside of loops and `with`.
 * @throws TerminalError as `checkGoTemplate`
 */
export function dotFieldsOf(source: string, options: GoTemplateOptions = {}): readonly (readonly string[])[] {
  return dotFields(parse(source, options, functionsOf(options), new Set()).root);
}

const standard: FunctionTable = { ...builtins, ...sprig };
const atMoment: FunctionTable = { ...standard, ...momentFunctions };

function functionsOf({ functions, hasMoment }: GoTemplateOptions): FunctionTable {
  if (functions !== undefined) return { ...builtins, ...functions };
  return hasMoment ? atMoment : standard;
}

function parse(
  source: string,
  options: GoTemplateOptions,
  functions: FunctionTable,
  used: Set<string>,
): ParsedTemplate {
  const delimiters: Delimiters = { left: options.leftDelimiter || "{{", right: options.rightDelimiter || "}}" };
  return parseTemplate(source, delimiters, (name, at) => {
    used.add(name);
    if (Object.hasOwn(functions, name)) return true;
    const reason = Object.hasOwn(refusedFunctions, name) ? refusedFunctions[name] : undefined;
    if (reason === undefined) return false;
    const place = placeOf(source, at);
    throw new TerminalError("TEMPLATE_UNSUPPORTED", `the function ${name} at ${place} is not available: ${reason}`);
  });
}

function bounded(output: string, { maxBytes }: TemplateLimits): string {
  if (Buffer.byteLength(output) > maxBytes) throw new Failure(`its output is longer than ${maxBytes} bytes`);
  return output;
}

/** RangeError: the stack of JavaScript ended before our own limits, on data of thousands of levels. */
function failed(error: unknown, source: string, at: Execution["at"]): unknown {
  if (!(error instanceof Failure) && !(error instanceof RangeError)) return error;
  const reason = error instanceof Failure ? error.message : "its data nest too deep";
  if (at === undefined) return new TerminalError("TEMPLATE_FAILED", `the template fails: ${reason}`, error);
  const text = at.text.length > 80 ? `${at.text.slice(0, 80)}…` : at.text;
  const message = `the template fails at ${placeOf(source, at.at)}, <${text}>: ${reason}`;
  return new TerminalError("TEMPLATE_FAILED", message, error);
}
