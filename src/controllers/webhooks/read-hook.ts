import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { azureDevOps } from "./azure-devops.ts";
import { bitbucketCloud } from "./bitbucket-cloud.ts";
import { bitbucketServer } from "./bitbucket-server.ts";
import { ghcr } from "./ghcr.ts";
import { github } from "./github.ts";
import { gitlab } from "./gitlab.ts";
import { gogs } from "./gogs.ts";
import { harbor } from "./harbor.ts";
import { placeOf } from "./repository-place.ts";
import type { HookRequest, HookSecrets, SeenHook } from "./webhook.ts";

/** The first that claims a request has it (spec argo-cd-surface 4.1). */
const providers = [azureDevOps, gogs, github, gitlab, bitbucketCloud, bitbucketServer, ghcr, harbor];

/** Refs of one push; whoever pushes more at once is seen by the poll. */
const maxRefs = 500;

/** Nothing to do (`seen` absent), what was seen, or why it is refused; `status`: with another one than 400. */
export type HookVerdict = { readonly seen?: SeenHook } | { readonly refused: string; readonly status?: number };

/** Pure. The secret is checked before the body is read. */
export function readHook(request: HookRequest, secret: HookSecrets): HookVerdict {
  const provider = providers.find(({ claims }) => claims(request.headers, secret));
  if (provider === undefined) return { refused: "Unknown webhook event" };
  const refusal = provider.refuses(request, secret);
  const status = provider.refusedWith === undefined ? {} : { status: provider.refusedWith };
  if (refusal !== undefined) return { refused: `Webhook processing failed: ${provider.name}: ${refusal}`, ...status };
  const body = bodyOf(request);
  if (body === undefined) return { refused: `Webhook processing failed: ${provider.name}: the body is no JSON object` };
  if (!provider.isPush(request.headers, body)) return {};
  const seen = provider.read(body);
  const problem = problemOf(seen);
  return problem === undefined ? { seen } : { refused: `Webhook processing failed: ${provider.name}: ${problem}` };
}

/** JSON, also in a form, as GitHub sends it when nobody chose otherwise. Undefined: neither. */
function bodyOf({ headers, body }: HookRequest): JsonObject | undefined {
  const text = body.toString("utf8");
  const isForm = (headers["content-type"] ?? "").startsWith("application/x-www-form-urlencoded");
  try {
    const value: unknown = JSON.parse(isForm ? (new URLSearchParams(text).get("payload") ?? "") : text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function problemOf({ urls, refs }: SeenHook): string | undefined {
  if (!urls.some((url) => placeOf(url) !== undefined)) return "the body names no repository";
  if (refs.length > maxRefs) return `the body names ${refs.length} refs, more than ${maxRefs}`;
  return refs.some(({ name }) => name === "") ? "the body names a push without a ref" : undefined;
}
