import { TerminalError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { type AnySourceKind, sourceKinds, sourceSchemas } from "../events/sources/registry.ts";
import { type AnyTriggerKind, triggerKinds, triggerSchemas } from "../events/triggers/registry.ts";
import type { AdmissionKinds } from "../validate/admission.ts";
import { type AdapterConfig, loadAdapter } from "./adapters.ts";

/** The kinds of source and trigger of an engine: its own, and those of third parties. */
export interface Kinds {
  readonly sources: Readonly<Record<string, AnySourceKind>>;
  readonly triggers: Readonly<Record<string, AnyTriggerKind>>;
  /** What parsers, CRDs and admission need of them. */
  readonly schemas: AdmissionKinds;
  /** Why adapters cannot be used. */
  readonly problems: readonly string[];
}

/**
 * A module that cannot be used is told in the log, and fails what names it.
 * @throws TerminalError CONFIG_INVALID for a name that is taken
 */
export async function openKinds(adapters: readonly AdapterConfig[], log: Logger): Promise<Kinds> {
  const sources: Record<string, AnySourceKind> = { ...sourceKinds };
  const triggers: Record<string, AnyTriggerKind> = { ...triggerKinds };
  const schemas = { sources: { ...sourceSchemas() }, triggers: { ...triggerSchemas() } };
  const problems: string[] = [];
  for (const { name } of adapters) {
    if (Object.hasOwn(schemas.sources, name) || Object.hasOwn(schemas.triggers, name)) {
      throw new TerminalError("CONFIG_INVALID", `--adapter: "${name}" is the name of another kind`);
    }
  }
  // Together: one that hangs is waited for once.
  const loaded = await Promise.all(
    adapters.map(async (config) => ({ ...(await loadAdapter(config)), name: config.name })),
  );
  for (const { name, source, trigger, problem } of loaded) {
    if (problem !== undefined) problems.push(problem);
    if (problem !== undefined) log.error("an adapter cannot be used", { adapter: name, reason: problem });
    if (source) {
      sources[name] = source;
      schemas.sources[name] = source.schema;
    }
    if (trigger) {
      triggers[name] = trigger;
      schemas.triggers[name] = trigger.schema;
    }
  }
  return { sources, triggers, schemas, problems };
}
