import { pathToFileURL } from "node:url";
import { EngineError, messageOf, TerminalError } from "../base/errors.ts";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import { createSchema, type JsonSchema, type Schema } from "../base/schema.ts";
import { type AnySourceKind, defineSource } from "../events/sources/registry.ts";
import { filterSchema } from "../events/sources/schemas.ts";
import type { SourceContext } from "../events/sources/source.ts";
import { type AnyTriggerKind, defineTrigger } from "../events/triggers/registry.ts";
import type { Firing, Outcome, TriggerContext } from "../events/triggers/trigger.ts";

/** `--adapter NAME=PATH`: NAME is the key in `spec` of an EventSource, or in `template` of a Sensor's trigger. */
export interface AdapterConfig {
  readonly name: string;
  /** Of an ES module that exports `source`, `trigger` or both (examples/custom-source). */
  readonly path: string;
}

/** What a module was found to hold. */
export interface Adapter {
  readonly source?: AnySourceKind;
  readonly trigger?: AnyTriggerKind;
  /** Why it cannot be used; then both are there, and fail with it. */
  readonly problem?: string;
}

/** A source as a module exports it; its schema is a plain JSON Schema, as Kubernetes takes it. */
interface OwnSource {
  readonly schema: JsonSchema;
  readonly singleton?: boolean;
  run(spec: unknown, context: SourceContext, signal: AbortSignal): Promise<void>;
}

interface OwnTrigger {
  readonly schema: JsonSchema;
  plan(spec: unknown, firing: Firing, context: TriggerContext, signal: AbortSignal): Promise<unknown>;
  apply(plan: unknown, firing: Firing, context: TriggerContext, signal: AbortSignal): Promise<Outcome | undefined>;
}

const importMs = 5_000;
/** How long a module may take to stop, or a trigger to plan or act. */
const stopMs = 5_000;
const actMs = 5 * 60_000;

/** Does not throw: a module that cannot be used costs only what names it. */
export async function loadAdapter({ name, path }: AdapterConfig): Promise<Adapter> {
  try {
    const loaded: unknown = await within(import(pathToFileURL(path).href), importMs, "it did not load");
    const { source, trigger } = loaded as { readonly source?: unknown; readonly trigger?: unknown };
    if (source === undefined && trigger === undefined) throw new Error("it exports neither `source` nor `trigger`");
    return {
      ...(source === undefined ? {} : { source: sourceOf(name, checked<OwnSource>(source, "source", ["run"])) }),
      ...(trigger === undefined
        ? {}
        : { trigger: triggerOf(checked<OwnTrigger>(trigger, "trigger", ["plan", "apply"])) }),
    };
  } catch (error) {
    return failing(name, `adapter ${name} (${path}): ${messageOf(error)}`);
  }
}

/** The export with what every kind needs. @throws Error that says what is missing */
function checked<Own>(value: unknown, what: string, functions: readonly string[]): Own {
  const parts = (typeof value === "object" && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  const { schema } = parts;
  if (!isJsonObject(schema) || schema.type !== "object") {
    throw new Error(`${what}.schema must be a JSON Schema of type "object"`);
  }
  for (const name of functions) {
    if (typeof parts[name] !== "function") throw new Error(`${what}.${name} must be a function`);
  }
  createSchema(schema as JsonSchema).check({}, ""); // a schema that cannot be compiled throws here
  return value as Own;
}

function sourceOf(name: string, own: OwnSource): AnySourceKind {
  return defineSource<unknown>({
    eventType: name,
    schema: createSchema<unknown>(filtered(own.schema)),
    singleton: own.singleton !== false,
    run: (spec, context, signal) => stopping(own.run(spec, checkingDrafts(context), signal), signal),
  });
}

/** With `filter.expression`, as every kind has it; an own `filter` is the module's affair, and so are fields without names. */
function filtered(schema: JsonSchema): JsonSchema {
  return schema.properties ? { ...schema, properties: { filter: filterSchema, ...schema.properties } } : schema;
}

/** What is no JSON would be stored as something else. */
function checkingDrafts(context: SourceContext): SourceContext {
  return {
    ...context,
    async emit(draft) {
      const data = JSON.stringify(draft?.data) as string | undefined;
      if (data === undefined) throw new TypeError("emit: `data` must be a JSON value");
      await context.emit({ ...draft, data: JSON.parse(data) as JsonValue });
    },
  };
}

function triggerOf(own: OwnTrigger): AnyTriggerKind {
  const late = `it did not answer within ${actMs / 1_000} s`;
  const deadline = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(actMs)]);
  return defineTrigger<unknown, unknown>({
    schema: createSchema<unknown>(own.schema),
    plan: (spec, firing, context, signal) => within(own.plan(spec, firing, context, deadline(signal)), actMs, late),
    async apply(plan, firing, context, signal) {
      const outcome = await within(own.apply(plan, firing, context, deadline(signal)), actMs, late);
      return outcome ?? { message: "done" };
    },
  });
}

function failing(name: string, problem: string): Adapter {
  const schema: Schema<unknown> = createSchema<unknown>({
    type: "object",
    description: "Of an adapter that could not be loaded.",
    "x-kubernetes-preserve-unknown-fields": true,
  });
  const fail = async (): Promise<never> => {
    throw new TerminalError("ADAPTER_FAILED", problem);
  };
  return {
    problem,
    source: defineSource<unknown>({ eventType: name, schema, singleton: false, run: fail }),
    trigger: defineTrigger<unknown, unknown>({ schema, plan: fail, apply: fail }),
  };
}

/** What `work` gives; a module that does not answer is let go. */
async function within<Result>(work: Promise<Result>, ms: number, late: string): Promise<Result> {
  const timer = Promise.withResolvers<never>();
  const timeout = setTimeout(() => timer.reject(new EngineError("ADAPTER_FAILED", late)), ms);
  try {
    return await Promise.race([work, timer.promise]);
  } finally {
    clearTimeout(timeout);
  }
}

/** Settles soon after `signal` aborted, whether the module heeds it or not. */
async function stopping(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(resolve, stopMs);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}
