import type { Application } from "../../api/application-types.ts";

/**
 * `sync` (default) or `wait`: what automated sync does about a revision that was not synced yet; of several sources each may
 * have its own word behind that of all: `sync, values=wait`.
 */
export const onRevisionAnnotation = "tiphys.io/on-revision";
/** `heal` or `report`: what it does about live objects that were changed; default: what `selfHeal` says. */
export const onDriftAnnotation = "tiphys.io/on-drift";

type OnRevision = "sync" | "wait";

export interface Policies {
  /** One for each source. */
  readonly onRevision: readonly OnRevision[];
  readonly onDrift: "heal" | "report";
}

/**
 * New revisions and drift apart, where the original has one switch for both (users-ask 25), and sources that start no sync
 * (14). They refine `automated`: where that is absent or disabled nothing is synced, whatever they say, so that taking it
 * away stops everything on either program.
 */
export function policiesOf({
  metadata: { annotations },
  syncPolicy: { automated },
  sources,
}: Pick<Application, "metadata" | "syncPolicy" | "sources">): Policies | { readonly problem: string } {
  const revision = onRevisionOf(annotations[onRevisionAnnotation] ?? "sync", sources);
  const drift = annotations[onDriftAnnotation] ?? (automated?.selfHeal === true ? "heal" : "report");
  if ("problem" in revision) return revision;
  if (drift !== "heal" && drift !== "report") return wrong(onDriftAnnotation, drift, "heal or report");
  return { onRevision: revision.onRevision, onDrift: drift };
}

/** Whether what is new is for a person to sync: every source that moved waits. No revisions before: nothing is known. */
export function isForAPerson({ onRevision }: Policies, before: readonly string[], after: readonly string[]): boolean {
  if (onRevision.every((one) => one === "wait")) return true;
  const moved = onRevision.filter((_, index) => before[index] !== after[index]);
  return before.length === after.length && moved.length > 0 && moved.every((one) => one === "wait");
}

function onRevisionOf(
  text: string,
  sources: Application["sources"],
): Pick<Policies, "onRevision"> | { readonly problem: string } {
  let ofAll: OnRevision = "sync";
  const own = new Map<number, OnRevision>();
  for (const word of text.split(",").map((part) => part.trim())) {
    const [first = "", second] = word.split("=");
    const value = second ?? first;
    const index = second === undefined ? undefined : sourceAt(first, sources);
    if ((value !== "sync" && value !== "wait") || index === -1) {
      return wrong(onRevisionAnnotation, text, `sync or wait, or with words of sources: sync, ${wordsOf(sources)}`);
    }
    if (index === undefined) ofAll = value;
    else own.set(index, value);
  }
  const all = sources.length === 0 ? [ofAll] : sources.map((_, index) => own.get(index) ?? ofAll);
  return { onRevision: all };
}

/** By name, by ref, or by position from 1; -1: it has none. */
function sourceAt(word: string, sources: Application["sources"]): number {
  const named = sources.findIndex(({ name, ref }) => name === word || ref === word);
  if (named >= 0) return named;
  return /^[1-9]\d*$/.test(word) && Number(word) <= sources.length ? Number(word) - 1 : -1;
}

/** `1=wait`, `values=wait`: what could have been meant. */
function wordsOf(sources: Application["sources"]): string {
  const [first, ...others] = sources.map(({ name, ref }, index) => `${name || ref || index + 1}=wait`);
  return others.at(-1) ?? first ?? "1=wait";
}

function wrong(annotation: string, value: string, wanted: string): { readonly problem: string } {
  return { problem: `metadata.annotations["${annotation}"]: "${value}" must be ${wanted}` };
}
