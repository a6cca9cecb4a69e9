import { defaultResourceSettings, type ResourceOverride, type ResourceSettings } from "../../api/resource-settings.ts";
import { compilePathGlob } from "../../base/path-glob.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { ObjectScript } from "./script.ts";

/** What users say of health; see `argocd-cm` (spec argo-cd-engine 5.5). */
export interface HealthChecks {
  /** Undefined: the built-in check counts. */
  scriptOf(object: Pick<KubeObject, "apiVersion" | "kind">): ObjectScript | undefined;
  /** `os.time()` of the scripts, in milliseconds since 1970. */
  nowMs(): number;
}

/** Without scripts. */
export const builtInChecks: HealthChecks = { scriptOf: () => undefined, nowMs: () => 0 };

const maxKinds = 10_000;

export function createHealthChecks(
  { overrides }: Pick<ResourceSettings, "overrides"> = defaultResourceSettings,
  nowMs: () => number,
): HealthChecks {
  const found = new Map<string, ObjectScript | undefined>();
  return {
    nowMs,
    scriptOf(object) {
      const name = overrideName(object);
      if (found.has(name)) return found.get(name);
      if (found.size >= maxKinds) found.clear();
      const script = findScript(overrides, name);
      found.set(name, script);
      return script;
    },
  };
}

/** An exact key with a script, else the first glob with one. */
function findScript(overrides: ReadonlyMap<string, ResourceOverride>, name: string): ObjectScript | undefined {
  const exact = overrides.get(name);
  if (exact?.health) return scriptIn(exact, exact.health);
  for (const [key, override] of overrides) {
    if (override.health && compilePathGlob(key, { dialect: "gobwas" })(name))
      return scriptIn(override, override.health);
  }
  return undefined;
}

function scriptIn({ useOpenLibs = false }: ResourceOverride, text: string): ObjectScript {
  return { text, useOpenLibs };
}

/** `group/Kind`, of the core group `Kind`. */
export function overrideName({ apiVersion, kind }: Pick<KubeObject, "apiVersion" | "kind">): string {
  const at = apiVersion.indexOf("/");
  return at < 0 ? kind : `${apiVersion.slice(0, at)}/${kind}`;
}
