import { EngineError } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import { builtInType } from "../../objects/kubernetes-types.ts";
import type { KubeObject } from "../../objects/object.ts";
import { fieldManager, ownedBy } from "./last-applied.ts";

/** What a server made of a target in a dry run of server-side apply (spec argo-cd-engine 3.5). */
export interface Served {
  readonly object: KubeObject;
  /** The whole object counts; otherwise the fields that we would own, as the target. */
  readonly isWhole: boolean;
}

/**
 * The part of the server's answer that counts: what webhooks and other controllers changed on the way does only with
 * `IncludeMutationWebhook=true`.
 * @throws EngineError API_INVALID for an answer without our fields in its managedFields
 */
export function servedPart(answer: KubeObject, options: { readonly includeWebhooks: boolean }): Served {
  if (options.includeWebhooks) return { object: answer, isWhole: true };
  const name = `${answer.kind} ${answer.metadata.name}`;
  if ((answer.metadata.managedFields ?? []).filter(isJsonObject).length === 0)
    throw new EngineError(
      "API_INVALID",
      `${name}: a dry run of apply gave no managedFields, so that nothing can be compared`,
    );
  const type = builtInType(answer);
  const [own] = ownedBy(answer, fieldManager, type === undefined ? undefined : { type });
  if (own === undefined)
    throw new EngineError("API_INVALID", `${name}: after a dry run of apply "${fieldManager}" owns none of its fields`);
  const { apiVersion, kind } = answer;
  const { name: ownName, namespace } = answer.metadata;
  const metadata = { ...(isJsonObject(own.metadata) ? own.metadata : {}), name: ownName, namespace };
  return { object: { ...own, apiVersion, kind, metadata } as KubeObject, isWhole: false };
}
