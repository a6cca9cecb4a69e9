import type { ActionOverride, ResourceOverride } from "../../api/resource-settings.ts";
import type { Instant } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import { compilePathGlob } from "../../base/path-glob.ts";
import { discoverActions, runAction } from "../../gitops/health/actions.ts";
import { overrideName } from "../../gitops/health/checks.ts";
import type { ObjectScript } from "../../gitops/health/script.ts";
import type { ReconcileSettings } from "../../gitops/reconcile/settings.ts";
import type { KubeObject } from "../../objects/object.ts";
import { builtInActions, type ImpactedResource, type ResourceAction, runBuiltInAction } from "./built-in-actions.ts";

/**
 * What can be done with an object: by users' scripts of `argocd-cm` (spec argo-cd-engine 5.6), of which those with the name of
 * a built-in action win, and by the built-in ones where the scripts let them.
 */
export interface ResourceActions {
  /** By name. @throws EngineError SCRIPT_INVALID, SCRIPT_FAILED */
  list(object: KubeObject, now: Instant): readonly ResourceAction[];
  /** Pure: what is to be written. @throws EngineError USAGE for one that is not there or is disabled; SCRIPT_* */
  run(
    object: KubeObject,
    name: string,
    params: Readonly<Record<string, string>>,
    now: Instant,
  ): readonly ImpactedResource[];
}

interface UserActions {
  readonly declared: ActionOverride;
  readonly script: (text: string) => ObjectScript;
}

export function createResourceActions(settings: () => ReconcileSettings): ResourceActions {
  const userActions = (object: KubeObject): UserActions | undefined => {
    const found = overrideOf(settings().resources.overrides, overrideName(object));
    if (found?.actions === undefined) return undefined;
    const useOpenLibs = found.useOpenLibs ?? false;
    return { declared: found.actions, script: (text) => ({ text, useOpenLibs }) };
  };

  const discovered = (object: KubeObject, users: UserActions, now: Instant): readonly ResourceAction[] => {
    const { discovery } = users.declared;
    return discovery === "" ? [] : discoverActions([users.script(discovery)], object, { nowMs: now });
  };

  return {
    list(object, now) {
      const users = userActions(object);
      if (users === undefined) return builtInActions(object);
      const own = discovered(object, users, now);
      const names = new Set(own.map(({ name }) => name));
      const others = users.declared.mergeBuiltin ? builtInActions(object).filter(({ name }) => !names.has(name)) : [];
      return [...own, ...others].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    },
    run(object, name, params, now) {
      const users = userActions(object);
      const own = users?.declared.definitions.find((one) => one.name === name);
      if (users === undefined || (own === undefined && users.declared.mergeBuiltin)) {
        return runBuiltInAction(object, name, params, now);
      }
      if (own === undefined) throw new EngineError("USAGE", `action "${name}" is not there for ${object.kind}`);
      const offered = discovered(object, users, now).find((one) => one.name === name);
      if (offered?.disabled) throw new EngineError("USAGE", `action "${name}" is disabled now`);
      return runAction(users.script(own.script), object, { nowMs: now, parameters: params });
    },
  };
}

/** The exact kind's, else that of the first glob with actions. */
function overrideOf(overrides: ReadonlyMap<string, ResourceOverride>, name: string): ResourceOverride | undefined {
  const exact = overrides.get(name);
  if (exact?.actions) return exact;
  for (const [key, override] of overrides) {
    if (override.actions && compilePathGlob(key, { dialect: "gobwas" })(name)) return override;
  }
  return undefined;
}
