import type { ApplicationSource } from "../../api/application-types.ts";
import { RenderError, type SourceType } from "./render.ts";

const kustomizationNames = ["kustomization.yaml", "kustomization.yml", "Kustomization"] as const;

/** In the order in which kustomize looks for them. */
export const kustomizationFiles: readonly string[] = kustomizationNames;

/** The type that the source's own block says; undefined: none. @throws RenderError for several (spec argo-cd-engine 7.2) */
export function declaredType({ kustomize, helm, directory, plugin }: ApplicationSource): SourceType | undefined {
  const all = [
    ["Kustomize", kustomize],
    ["Helm", helm],
    ["Directory", directory],
  ] as const;
  const said = all.filter(([, block]) => !saysNothing(block));
  // A plugin's block counts also when it is empty: the first plugin that fits is meant.
  const named: readonly SourceType[] = [
    ...said.map(([name]) => name),
    ...(plugin === undefined ? [] : ["Plugin" as const]),
  ];
  const [type] = named;
  if (named.length <= 1) return type;
  throw new RenderError("Unknown", `multiple application sources defined: ${named.join(",")}`);
}

/** As Go's zero value: the original takes such blocks away. */
function saysNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === false || value === 0) return true;
  return typeof value === "object" && Object.values(value).every(saysNothing) && !hasItems(value);
}

function hasItems(value: object): boolean {
  return Array.isArray(value) && value.length > 0;
}

/**
 * The type by the names of files that stand in the folder itself. Of several that say something, the last one in byte
 * order counts, as in the original: `Kustomization` and `kustomization.yaml` go before `Chart.yaml`, `myChart.yaml` before all.
 */
export function detectType(names: readonly string[]): Exclude<SourceType, "Plugin"> {
  const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const telling = sorted.findLast((name) => isKustomization(name) || name.endsWith("Chart.yaml"));
  if (telling === undefined) return "Directory";
  return isKustomization(telling) ? "Kustomize" : "Helm";
}

function isKustomization(name: string): boolean {
  return kustomizationFiles.includes(name);
}
