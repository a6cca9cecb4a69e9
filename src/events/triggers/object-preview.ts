import { diffLines } from "../../base/text-diff.ts";
import { formatYaml } from "../../base/yaml.ts";
import { type KubeObject, type ObjectRef, refText } from "../../objects/object.ts";
import { hideSecrets } from "./hidden-secrets.ts";
import type { Preview } from "./trigger.ts";

/** How an object would change, as the server answered to a dry run; values of Secrets as hashes. */
export function objectPreview(ref: ObjectRef, before: KubeObject | undefined, after: KubeObject | undefined): Preview {
  const diff = diffLines(textOf(before), textOf(after));
  return { summary: `${verbOf(before, after, diff.length > 0)} ${refText(ref)}`, ...(diff.length > 0 && { diff }) };
}

function verbOf(before: KubeObject | undefined, after: KubeObject | undefined, differs: boolean): string {
  if (before === undefined) return after === undefined ? "there is nothing to delete at" : "would create";
  if (after === undefined) return "would delete";
  return differs ? "would change" : "would leave as it is";
}

/** What servers keep for themselves. */
const ownMetadata = new Set(["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"]);

function textOf(object: KubeObject | undefined): string {
  if (object === undefined) return "";
  const { metadata, ...rest } = object;
  const shown = Object.fromEntries(Object.entries(metadata).filter(([name]) => !ownMetadata.has(name)));
  const { apiVersion, kind, ...fields } = rest;
  return formatYaml(hideSecrets({ apiVersion, kind, metadata: shown, ...fields }));
}
