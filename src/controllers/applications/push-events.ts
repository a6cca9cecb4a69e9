import { createHash } from "node:crypto";
import { type Instant, isoTime } from "../../base/clock.ts";
import { normaliseRepositoryUrl } from "../../gitops/source/repository-url.ts";
import type { RefChange } from "../../local/git-server.ts";
import { builtInEventSource, type CloudEvent } from "../../record/cloud-event.ts";

export interface RefEventsInput {
  /** push: somebody said so at once; poll: a look at the server found it. */
  readonly kind: "push" | "poll";
  /** In any spelling; credentials in it are left out. */
  readonly repositoryUrl: string;
  readonly refs: readonly RefChange[];
  /** The branch that HEAD names: `refs/heads/main`; undefined when it is not known. */
  readonly headRef?: string | undefined;
  /** Nobody knows which branch HEAD names: each counts as it. */
  readonly mayBeHead?: boolean;
  /** Of pushes; a random one. */
  readonly id: () => string;
  readonly now: Instant;
}

/**
 * One event for each ref. Of a poll the id is made of what moved: found again after a failure, it is the same event.
 * `HEAD` itself, which only a poll sees, counts as the default branch: it moves with its branch, and to another one.
 */
export function refEvents(input: RefEventsInput): readonly CloudEvent[] {
  const { kind, repositoryUrl, refs, headRef, mayBeHead = false, id, now } = input;
  const repository = normaliseRepositoryUrl(repositoryUrl);
  return refs.map(({ name, old, new: after }) => ({
    id: kind === "push" ? id() : pollId(repository, name, old, after),
    source: builtInEventSource,
    type: `${builtInEventSource}.${kind}`,
    subject: kind,
    time: isoTime(now),
    datacontenttype: "application/json",
    data: {
      repository,
      url: withoutCredentials(repositoryUrl),
      ref: name,
      revision: revisionOf(name),
      before: old,
      after,
      isDefaultBranch: name === "HEAD" || name === headRef || (mayBeHead && name.startsWith("refs/heads/")),
    },
  }));
}

function pollId(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

/** `main` of `refs/heads/main`; a name of fewer parts as it is. */
function revisionOf(ref: string): string {
  const parts = ref.split("/");
  return parts.length > 2 ? parts.slice(2).join("/") : ref;
}

/** A repository's URL as it may be shown. */
export function withoutCredentials(text: string): string {
  const url = URL.parse(text);
  if (url === null || (url.username === "" && url.password === "")) return text;
  url.username = "";
  url.password = "";
  return url.href;
}
