import { substitute } from "./build-environment.ts";
import type { HelmOptions } from "./helm-values.ts";
import { RenderError } from "./render.ts";

export interface HelmArguments {
  readonly releaseName: string;
  readonly namespace: string;
  readonly kubeVersion?: string;
  readonly apiVersions: readonly string[];
  /** Paths or addresses, in order. */
  readonly valueFiles: readonly string[];
  /** The file with `valuesObject` or `values`. */
  readonly inlineValues?: string;
  /** Name and path. */
  readonly fileParameters: readonly (readonly [string, string])[];
  readonly variable: (name: string) => string | undefined;
}

/** What `helm template` is called with, in the original's order (spec argo-cd-engine 7.4). */
export function helmArguments(options: HelmOptions, given: HelmArguments): readonly string[] {
  const { skipCrds, skipSchemaValidation, skipTests } = options;
  const { plain, strings } = parametersOf(options, given.variable);
  return [
    "template",
    ".",
    ...["--name-template", given.releaseName],
    ...(given.namespace === "" ? [] : ["--namespace", given.namespace]),
    ...(given.kubeVersion === undefined ? [] : ["--kube-version", given.kubeVersion]),
    ...[...plain].flatMap(([name, value]) => ["--set", `${name}=${escapeCommas(value)}`]),
    ...[...strings].flatMap(([name, value]) => ["--set-string", `${name}=${escapeCommas(value)}`]),
    ...given.fileParameters.flatMap(([name, path]) => ["--set-file", `${name}=${escapeCommas(path)}`]),
    ...given.valueFiles.flatMap((file) => ["--values", file]),
    ...(given.inlineValues === undefined ? [] : ["--values", given.inlineValues]),
    ...given.apiVersions.flatMap((version) => ["--api-versions", version]),
    ...(skipCrds ? [] : ["--include-crds"]),
    ...(skipSchemaValidation ? ["--skip-schema-validation"] : []),
    ...(skipTests ? ["--skip-tests"] : []),
  ];
}

/** Of two parameters of one name and type the later counts; one that is text goes before one that is not. */
function parametersOf({ parameters = [] }: HelmOptions, variable: HelmArguments["variable"]) {
  const plain = new Map<string, string>();
  const strings = new Map<string, string>();
  for (const { name = "", value = "", forceString = false } of parameters) {
    const values = forceString ? strings : plain;
    values.delete(name);
    values.set(name, substitute(value, variable));
  }
  return { plain, strings };
}

/** A comma would begin another parameter; `{a,b}` is a list. */
export function escapeCommas(value: string): string {
  if (value.startsWith("{") && value.endsWith("}")) return value;
  return value.replaceAll(/(?<!\\),/g, "\\,");
}

/** `1.32.3` of `v1.32.3+k3s1`. */
export function plainVersion(version: string): string | undefined {
  const [, major, minor, patch = "0"] = /^v?(\d+)\.(\d+)(?:\.(\d+))?(?![\d.])/.exec(version.trim()) ?? [];
  return major === undefined ? undefined : `${major}.${minor}.${patch}`;
}

/** The version of Kubernetes that a source says. @throws RenderError for what is none */
export function saidVersion(version: string | undefined, field: string): string | undefined {
  if (!version) return undefined;
  const plain = plainVersion(version);
  if (plain !== undefined) return plain;
  throw new RenderError("Unknown", `${field}: ${JSON.stringify(version)} is no version such as 1.32.3`);
}
