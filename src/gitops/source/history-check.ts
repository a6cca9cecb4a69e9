import { TerminalError } from "../../base/errors.ts";
import { parseCommit } from "./commit-info.ts";
import type { SignatureVerdict } from "./signatures.ts";
import { type SignedObject, signedCommit } from "./signed-object.ts";

/** Problems that are told of, at most. */
const maxProblems = 10;
/** Commits of a history without a seal. */
const maxCommits = 5_000;

export interface HistoryDeps {
  /** The commit's content, byte for byte. */
  readonly read: (commit: string) => Promise<Buffer>;
  readonly verify: (signed: SignedObject | undefined) => Promise<SignatureVerdict>;
}

/**
 * What is wrong with a commit and, with `isStrict`, with its ancestors back to commits with the trailer
 * `Argocd-gpg-seal:`, which vouch for what is before them (spec argo-cd-engine 7.10). Empty: nothing is.
 */
export async function checkHistory(commit: string, isStrict: boolean, deps: HistoryDeps): Promise<readonly string[]> {
  const problems: string[] = [];
  const pending = [commit];
  const seen = new Set(pending);
  for (let next = pending.pop(); next !== undefined && problems.length < maxProblems; next = pending.pop()) {
    const content = await deps.read(next);
    const verdict = await deps.verify(signedCommit(content, next));
    if (!verdict.isGood) problems.push(problemText(next, content, verdict));
    if (!isStrict || (verdict.isGood && isSeal(content))) continue;
    const unseen = parentsOf(content).filter((parent) => !seen.has(parent));
    if (seen.size + unseen.length > maxCommits) throw tooLong();
    for (const parent of unseen) seen.add(parent);
    pending.push(...unseen);
  }
  return problems;
}

/** In the original's words. */
export function problemText(revision: string, content: Buffer, { result, key }: SignatureVerdict): string {
  const { author, email } = parseCommit(revision, content.toString("utf8"));
  const by = author === "" ? "unknown" : `${author} <${email}>`;
  return `GIT/GPG: Failed verifying revision ${revision} by '${by}': ${result}${key === "" ? "" : ` (key_id=${key})`}`;
}

function parentsOf(content: Buffer): readonly string[] {
  const head = content.toString("latin1", 0, Math.max(content.indexOf("\n\n"), 0));
  return [...head.matchAll(/^parent ([0-9a-f]{40,64})$/gm)].map(([, parent = ""]) => parent);
}

/** In the last paragraph of its message. */
function isSeal(content: Buffer): boolean {
  const message = content.toString("utf8", Math.max(content.indexOf("\n\n"), 0)).trimEnd();
  const last = message.slice(message.lastIndexOf("\n\n") + 2);
  return /^Argocd-gpg-seal:/im.test(last);
}

function tooLong(): TerminalError {
  const message = `the history has more than ${maxCommits} commits without a seal: sign one with Argocd-gpg-seal`;
  return new TerminalError("GIT_TOO_LARGE", message);
}
