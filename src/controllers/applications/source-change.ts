import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { TerminalError } from "../../base/errors.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { SourceChange } from "../../events/triggers/gitops-request.ts";
import { applyMergePatch } from "../../objects/merge-patch.ts";
import type { KubeObject } from "../../objects/object.ts";

/**
 * The part of the Application's spec, `source` or `sources`, as it is to be; undefined: it is so already. Helm parameters
 * go by their names, images by the name before `=`, `:` or `@`, as `argocd app set` has it; values are merged.
 * @throws TerminalError SYNC_REFUSED for a source that it does not have
 */
export function changedSpec(application: KubeObject, change: SourceChange): JsonObject | undefined {
  const spec = objectOf(application.spec as JsonValue | undefined);
  const sources = listOf(spec.sources).map(objectOf);
  const isMulti = sources.length > 0;
  const all = isMulti ? sources : [objectOf(spec.source)];
  const before = all[change.position - 1];
  if (before === undefined) {
    const { namespace = "", name = "" } = application.metadata;
    const has = all.length === 1 ? "one source" : `${all.length} sources`;
    throw new TerminalError(
      "SYNC_REFUSED",
      `gitOps.source.position: Application ${namespace}/${name} has ${has}, there is no source ${change.position}`,
    );
  }
  const after = changedSource(before, change);
  if (JSON.stringify(after) === JSON.stringify(before)) return undefined;
  return isMulti ? { sources: all.map((one) => (one === before ? after : one)) } : { source: after };
}

/** The same with it. */
export function withSourceChange(application: KubeObject, change: SourceChange | undefined): KubeObject {
  const part = change && changedSpec(application, change);
  if (part === undefined) return application;
  return { ...application, spec: { ...objectOf(application.spec as JsonValue | undefined), ...part } };
}

function changedSource(source: JsonObject, { targetRevision, helm, kustomize }: SourceChange): JsonObject {
  return {
    ...source,
    ...(targetRevision ? { targetRevision } : {}),
    ...(helm === undefined ? {} : { helm: changedHelm(objectOf(source.helm), helm) }),
    ...(kustomize?.images === undefined ? {} : { kustomize: withImages(objectOf(source.kustomize), kustomize.images) }),
  };
}

function changedHelm(helm: JsonObject, change: NonNullable<SourceChange["helm"]>): JsonObject {
  const { parameters = [], values, valuesObject } = change;
  const wanted = parameters.map(({ forceString, ...one }) => ({ ...one, ...(forceString ? { forceString } : {}) }));
  return {
    ...helm,
    ...(wanted.length === 0 ? {} : { parameters: byName(listOf(helm.parameters), wanted, parameterName) }),
    ...(values === undefined ? {} : { values }),
    ...(valuesObject === undefined ? {} : { valuesObject: applyMergePatch(objectOf(helm.valuesObject), valuesObject) }),
  };
}

function withImages(kustomize: JsonObject, images: readonly string[]): JsonObject {
  return { ...kustomize, images: byName(listOf(kustomize.images), images, imageName) };
}

/** Each wanted one in the place of the one of its name; new ones come last. */
function byName(
  before: readonly JsonValue[],
  wanted: readonly JsonValue[],
  nameOf: (value: JsonValue) => string,
): readonly JsonValue[] {
  const entries = new Map([...before, ...wanted].map((value) => [nameOf(value), value] as const));
  return [...entries.values()];
}

function parameterName(value: JsonValue): string {
  return textOf(objectOf(value).name);
}

/** `old` of `old=new:tag`, `registry:5000/name` of `registry:5000/name:tag`. */
function imageName(value: JsonValue): string {
  const text = textOf(value);
  const [old = "", replacement] = text.split("=", 2);
  if (replacement !== undefined) return old;
  const [name = ""] = old.split("@", 1);
  const colon = name.indexOf(":", name.lastIndexOf("/") + 1);
  return colon < 0 ? name : name.slice(0, colon);
}
