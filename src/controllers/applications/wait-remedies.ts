import type { Wait } from "../../gitops/reconcile/waits.ts";
import type { ResourceName } from "../../record/records.ts";

/**
 * What a person can do about a wait, as one sentence; where it passes by itself, how to see it or go before. `NAME` is the
 * Application as the command line takes it.
 */
const remedies: Readonly<Record<Wait["for"], string>> = {
  approval: "look at the plan and approve it with `tiphys app approve NAME`, or sync by hand",
  circle: "take one of the names out of the annotation tiphys.io/needs of these Applications",
  cluster: "see `tiphys cluster list`: mend the cluster's address or credentials, or the Application's destination",
  confirmation: "confirm with `tiphys app confirm-deletion NAME`",
  deletion:
    "see what is left with `tiphys app resources NAME`, and what keeps it with `kubectl get … -o yaml` (finalizers)",
  drift: "sync by hand with `tiphys app sync NAME`, or turn it on with `tiphys app set NAME --self-heal`",
  empty: "look whether the source may be empty; if so, `tiphys app set NAME --allow-empty`",
  error: "mend what the message names; `tiphys app get NAME --hard-refresh` looks again",
  failed: "mend what the message names and push, or try again with `tiphys app sync NAME`",
  health: "look at the object: `tiphys app get NAME -o tree`, `tiphys app logs NAME`, and its Events",
  hold: "see `tiphys app hold --list`; end it with `tiphys app hold NAME --release` (or that of its selector, cluster or all), or sync by hand",
  hook: "look at the hook: `tiphys app get NAME`, `tiphys app logs NAME`; `tiphys app terminate-op NAME` gives up",
  look: "it comes by itself; `tiphys app get NAME --refresh` asks for it now",
  manual: "sync by hand with `tiphys app sync NAME`, or turn it on with `tiphys app set NAME --sync-policy automated`",
  need: "bring what is needed to Synced and Healthy (`tiphys app why` tells why it is not), or sync by hand",
  "newer-revision": "it follows when this sync is over; `tiphys app terminate-op NAME` ends it now",
  operation: "watch it with `tiphys app wait NAME --operation`; `tiphys app terminate-op NAME` ends it",
  policy: "sync by hand with `tiphys app sync NAME`, or change spec.syncPolicy",
  project:
    "change the project (`tiphys proj get`, `tiphys proj add-source`, `tiphys proj add-destination`), or the Application's project, source or destination",
  prune: "sync by hand with `tiphys app sync NAME --prune`, or turn it on with `tiphys app set NAME --auto-prune`",
  quarantine: "push a revision that is better, or take what was rolled back all the same with `tiphys app sync NAME`",
  repository: "see `tiphys repo list`: mend the repository, its credentials, or the Application's path and revision",
  retry: "mend what the message names; `tiphys app terminate-op NAME` ends the retries",
  revision: "look at what it changes with `tiphys app diff NAME`, then `tiphys app sync NAME`",
  "self-heal": "it comes by itself; `tiphys app sync NAME` goes before",
  shared: "leave the object to one Application: take it out of the source of the other",
  signature: "sign the commit with a key that the project names (`tiphys gpg list`), or change the project's rules",
  "skip-reconcile": "take the annotation argocd.argoproj.io/skip-reconcile away",
  spec: "mend the field of the Application that the message names: `tiphys app set NAME`, or its manifest",
  termination: "it comes by itself: what runs now is waited for",
  window: "wait for the window, or sync by hand where it lets (`tiphys proj windows list`: MANUALSYNC)",
};

export function remedyOf({ for: kind }: Wait, { namespace, name }: ResourceName): string {
  const shown = namespace === "argocd" ? name : `${namespace}/${name}`;
  return remedies[kind].replaceAll("NAME", shown);
}
