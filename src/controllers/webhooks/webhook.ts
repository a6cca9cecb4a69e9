import type { JsonObject } from "../../base/json.ts";
import type { RefChange } from "../../local/git-server.ts";

/** A request of a Git provider as it came. */
export interface HookRequest {
  /** Lower-case names; of a name that came twice, the first. */
  readonly headers: Readonly<Record<string, string>>;
  /** The very bytes: signatures are over them. */
  readonly body: Buffer;
}

/** What a provider says happened. Plain JSON: it is stored. */
export interface SeenHook {
  readonly provider: string;
  /** Pages or clone addresses of the repository; spellings of Applications may differ in scheme, user and port. */
  readonly urls: readonly string[];
  /** Commits are 40 zeros where a ref was made or deleted, or where the provider does not say. */
  readonly refs: readonly RefChange[];
  /** `refs/heads/main`; absent: not told, any branch may be it (spec argo-cd-surface 4.3). */
  readonly headRef?: string;
  /** Of a registry, in place of refs: what was pushed to its repository, which `urls` name as `oci://host/path`. */
  readonly tags?: readonly string[];
  /** Paths that changed, from the repository's root. Absent: not known, or not known for certain. */
  readonly files?: readonly string[];
}

/** Values of `argocd-secret`; undefined or empty: what comes is accepted unverified, as by the original. */
export type HookSecrets = (key: string) => string | undefined;

export interface HookProvider {
  readonly name: string;
  claims(headers: HookRequest["headers"], secret: HookSecrets): boolean;
  /** Why it is not from whom it says; undefined: verified, or there is no secret to verify it with. */
  refuses(request: HookRequest, secret: HookSecrets): string | undefined;
  /** The status of such a refusal; default: 400. */
  readonly refusedWith?: number;
  /** Whether the event is a push; others are understood, and nothing is to do. */
  isPush(headers: HookRequest["headers"], body: JsonObject): boolean;
  read(body: JsonObject): SeenHook;
}

export const noCommit = "0".repeat(40);
