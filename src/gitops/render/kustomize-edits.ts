import type { ApplicationSource } from "../../api/application-types.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { formatYaml, parseYamlDocuments } from "../../base/yaml.ts";
import { substitute } from "./build-environment.ts";
import { RenderError } from "./render.ts";

export type KustomizeOptions = NonNullable<ApplicationSource["kustomize"]>;

/** Before and after the patches, which no command of kustomize can add. */
export interface KustomizeEdits {
  readonly before: readonly (readonly string[])[];
  readonly patches: readonly JsonObject[];
  readonly after: readonly (readonly string[])[];
}

/** `kustomize edit …` for each option, in the original's order (spec argo-cd-engine 7.5). */
export function kustomizeEdits(
  options: KustomizeOptions,
  components: readonly string[],
  variable: (name: string) => string | undefined,
): KustomizeEdits {
  const { namePrefix, nameSuffix, namespace, images = [], replicas = [], patches = [] } = options;
  const counts = replicas.map(({ name, count }) => `${name}=${count}`);
  return {
    before: [
      ...(namePrefix ? [["set", "nameprefix", "--", namePrefix]] : []),
      ...(nameSuffix ? [["set", "namesuffix", "--", nameSuffix]] : []),
      ...(images.length > 0 ? [["set", "image", ...images.map((image) => substitute(image, variable))]] : []),
      ...(counts.length > 0 ? [["set", "replicas", ...counts]] : []),
      ...labelEdits(options, variable),
      ...annotationEdits(options, variable),
      ...(namespace ? [["set", "namespace", "--", namespace]] : []),
    ],
    patches: patches.map((patch) => ({ ...patch }) as JsonObject),
    after: components.length > 0 ? [["add", "component", ...components]] : [],
  };
}

function labelEdits(options: KustomizeOptions, variable: (name: string) => string | undefined): readonly string[][] {
  const { commonLabels = {}, forceCommonLabels, labelWithoutSelector, labelIncludeTemplates } = options;
  const pairs = Object.entries(commonLabels).map(([key, value]) => `${key}:${substitute(value, variable)}`);
  if (pairs.length === 0) return [];
  const flags = [
    ...(forceCommonLabels ? ["--force"] : []),
    ...(labelWithoutSelector ? ["--without-selector"] : []),
    ...(labelIncludeTemplates ? ["--include-templates"] : []),
  ];
  return [["add", "label", ...flags, ...pairs]];
}

function annotationEdits(options: KustomizeOptions, variable: (name: string) => string | undefined) {
  const { commonAnnotations = {}, commonAnnotationsEnvsubst, forceCommonAnnotations } = options;
  const pairs = Object.entries(commonAnnotations).map(([key, value]) => {
    return `${key}:${commonAnnotationsEnvsubst ? substitute(value, variable) : value}`;
  });
  if (pairs.length === 0) return [];
  return [["add", "annotation", ...(forceCommonAnnotations ? ["--force"] : []), ...pairs]];
}

/** The kustomization's text with the patches at the end of its own. @throws RenderError for what is no kustomization */
export function withPatches(text: string, patches: readonly JsonObject[]): string {
  const [document] = parseYamlDocuments(text).filter(({ value }) => value !== null);
  const kustomization = document?.value ?? {};
  if (!isJsonObject(kustomization)) throw new RenderError("Unknown", "the kustomization is not an object");
  const own = kustomization.patches ?? [];
  if (!Array.isArray(own)) throw new RenderError("Unknown", "kustomization: patches is not a list");
  return formatYaml({ ...kustomization, patches: [...own, ...patches] });
}
