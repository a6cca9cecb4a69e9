import { highestInRange } from "../../base/semver.ts";
import type { Refs, ResolvedRevision } from "./source.ts";

/** An id of SHA-1, 40 digits, or of SHA-256, 64: which of both, the repository says. */
export function isFullCommit(revision: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i.test(revision);
}

export function isShortCommit(revision: string): boolean {
  return /^[0-9a-f]{7,63}$/i.test(revision) && !isFullCommit(revision);
}

/** The commit behind a full ref or a short name. The remote's order decides: a branch comes before a tag of its name. */
export function findRef(refs: Refs, revision: string): string | undefined {
  const name = findRefName(refs, revision);
  return name === undefined ? undefined : refs.get(name);
}

/** The full ref that a name means. */
export function findRefName(refs: Refs, revision: string): string | undefined {
  const names = ["", "refs/heads/", "refs/tags/", "refs/remotes/", "refs/"].map((prefix) => prefix + revision);
  return names.find((candidate) => refs.has(candidate));
}

/** Names of the tags that mean a commit, sorted. */
export function tagsAt(refs: Refs, commit: string): readonly string[] {
  const tags = [...refs].flatMap(([name, id]) =>
    id === commit && name.startsWith("refs/tags/") ? [name.slice(10)] : [],
  );
  return tags.sort();
}

/** The highest tag within a range of versions; tags begin with the prefix, which is no part of their version. */
export function highestTag(refs: Refs, range: string, prefix: string): ResolvedRevision | undefined {
  const begin = `refs/tags/${prefix}`;
  const versions = [...refs.keys()].flatMap((name) => (name.startsWith(begin) ? [name.slice(begin.length)] : []));
  const version = highestInRange(range, versions);
  const commit = version === undefined ? undefined : refs.get(begin + version);
  return commit === undefined ? undefined : { commit, revision: `${prefix}${version}` };
}

/** Lines of `git ls-remote`: `<id>\t<name>`, where `<name>^{}` is what an annotated tag points to. */
export function parseRemoteRefs(text: string): Refs {
  const refs = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^([0-9a-f]{40,64})\t(.+?)(?:\^\{\})?$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) refs.set(match[2], match[1]);
  }
  return refs;
}

/** Where a mirror keeps the remote's HEAD. */
export const mirroredHead = "refs/tiphys/head";

export const mirrorRefFormat = "%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname)";

/** Of the same lines, the objects of annotated tags. */
export function parseTagObjects(text: string): ReadonlyMap<string, string> {
  const found = [...text.matchAll(/^tag ([0-9a-f]{40,64}) \S* \S* (\S+)$/gm)];
  return new Map(found.map(([, id = "", name = ""]) => [name, id]));
}

/** Lines of `git for-each-ref` in that format; what is no commit (a tag of a file) is left out. */
export function parseMirrorRefs(text: string): Refs {
  const head: [string, string][] = [];
  const others: [string, string][] = [];
  for (const line of text.split("\n")) {
    const [type, id, peeledType, peeledId, ...rest] = line.split(" ");
    const name = rest.join(" ");
    const commit = type === "commit" ? id : peeledType === "commit" ? peeledId : undefined;
    if (commit === undefined) continue;
    if (name === mirroredHead) head.push(["HEAD", commit]);
    else others.push([name, commit]);
  }
  return new Map([...head, ...others]);
}
