import type { Application } from "../../api/application-types.ts";

/** `sync` (default) or `wait`: what automated sync does about a revision that was not synced yet. */
export const onRevisionAnnotation = "tiphys.io/on-revision";
/** `heal` or `report`: what it does about live objects that were changed; default: what `selfHeal` says. */
export const onDriftAnnotation = "tiphys.io/on-drift";

export interface Policies {
  readonly onRevision: "sync" | "wait";
  readonly onDrift: "heal" | "report";
}

/**
 * New revisions and drift apart, where the original has one switch for both (users-ask 25). They refine `automated`: where
 * that is absent or disabled nothing is synced, whatever they say, so that taking it away stops everything on either
 * program.
 */
export function policiesOf({
  metadata: { annotations },
  syncPolicy: { automated },
}: Pick<Application, "metadata" | "syncPolicy">): Policies | { readonly problem: string } {
  const revision = annotations[onRevisionAnnotation] ?? "sync";
  const drift = annotations[onDriftAnnotation] ?? (automated?.selfHeal === true ? "heal" : "report");
  if (revision !== "sync" && revision !== "wait") return wrong(onRevisionAnnotation, revision, "sync or wait");
  if (drift !== "heal" && drift !== "report") return wrong(onDriftAnnotation, drift, "heal or report");
  return { onRevision: revision, onDrift: drift };
}

function wrong(annotation: string, value: string, wanted: string): { readonly problem: string } {
  return { problem: `metadata.annotations["${annotation}"]: "${value}" must be ${wanted}` };
}
