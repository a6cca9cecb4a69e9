import type { Application } from "../../api/application-types.ts";
import { shellWord } from "../../base/shell-word.ts";
import type { HoldScope } from "../../gitops/reconcile/holds.ts";
import type { Wait } from "../../gitops/reconcile/waits.ts";

/**
 * What a person can do about a wait, as one sentence; where it passes by itself, how to see it or go before. What stands in
 * backticks can be pasted. `NAME` is the Application as the command line takes it.
 */
const remedies: Readonly<Record<Wait["for"], string | ((application: Application, wait: Wait) => string)>> = {
  approval:
    "look at the plan and approve it with `tiphys app approve NAME`, or sync by hand with `tiphys app sync NAME`",
  circle:
    "take one of the names out of the annotation tiphys.io/needs of these Applications, or all of this one's with " +
    withoutAnnotation("tiphys.io/needs"),
  cluster: clusterRemedy,
  confirmation: "confirm with `tiphys app confirm-deletion NAME`",
  deletion:
    "see what is left with `tiphys app resources NAME`, and what keeps it (finalizers) with " +
    "`kubectl get applications.argoproj.io -n NAMESPACE PLAIN -o yaml`",
  drift: "sync by hand with `tiphys app sync NAME`, or turn it on with `tiphys app set NAME --self-heal`",
  empty: "look whether the source may be empty; if so, `tiphys app set NAME --allow-empty`",
  error: "mend what the message names; `tiphys app get NAME --hard-refresh` looks again",
  failed: "mend what the message names and push, or try again with `tiphys app sync NAME`",
  health: "look at the object: `tiphys app get NAME -o tree`, `tiphys app logs NAME`, and its Events",
  hold: holdRemedy,
  hook: "look at the hook: `tiphys app get NAME`, `tiphys app logs NAME`; `tiphys app terminate-op NAME` gives up",
  look: "it comes by itself; `tiphys app get NAME --refresh` asks for it now",
  manual: "sync by hand with `tiphys app sync NAME`, or turn it on with `tiphys app set NAME --sync-policy automated`",
  need: (_, { need }) =>
    need === undefined
      ? "mend the annotation that the message names, or sync by hand with `tiphys app sync NAME`"
      : `bring it to Synced and Healthy (${command("app", "why", shownName(need))} tells why it is not), or sync by hand with \`tiphys app sync NAME\``,
  "newer-revision": "it follows when this sync is over; `tiphys app terminate-op NAME` ends it now",
  operation: "watch it with `tiphys app wait NAME --operation`; `tiphys app terminate-op NAME` ends it",
  policy: "mend the annotation that the message names, or sync by hand with `tiphys app sync NAME`",
  project: projectRemedy,
  prune: "sync by hand with `tiphys app sync NAME --prune`, or turn it on with `tiphys app set NAME --auto-prune`",
  quarantine: "push a revision that is better, or take what was rolled back all the same with `tiphys app sync NAME`",
  repository: repositoryRemedy,
  retry: "mend what the message names; `tiphys app terminate-op NAME` ends the retries",
  revision: "look at what it changes with `tiphys app diff NAME`, then `tiphys app sync NAME`",
  "self-heal": "it comes by itself; `tiphys app sync NAME` goes before",
  shared:
    "leave the object to one Application: take it out of the source of the other; `tiphys app sync NAME` takes it over",
  signature: "sign the commit with a key that the project names (`tiphys gpg list`), or change the project's rules",
  "skip-reconcile": skipRemedy,
  spec: "mend the field that the message names: `tiphys app edit NAME`, or its manifest",
  termination: "it comes by itself: what runs now is waited for",
  window: ({ project }) =>
    `wait for the window (${command("proj", "windows", "list", project)}), or sync by hand where it says MANUALSYNC Enabled: \`tiphys app sync NAME\``,
};

export function remedyOf(wait: Wait, application: Application): string {
  const { namespace, name } = application.metadata;
  const remedy = refusedKind(wait, application) ?? forbidden(wait, application) ?? remedies[wait.for];
  const text = typeof remedy === "string" ? remedy : remedy(application, wait);
  return text
    .replaceAll("NAMESPACE", namespace)
    .replaceAll("PLAIN", name)
    .replaceAll(/\bNAME\b/g, shownName(`${namespace}/${name}`));
}

/** A kind that the project refuses: told by the sync that had it. */
function refusedKind({ text }: Wait, { project }: Application): string | undefined {
  const found = /resource ([^\s:]*):(\w+) is not permitted in project/.exec(text);
  if (found === null) return undefined;
  const [, group = "", kind = ""] = found;
  const of = [project, group, kind];
  return (
    `allow the kind, if it is one of the cluster, with ${command("proj", "allow-cluster-resource", ...of)}, ` +
    `else with ${command("proj", "allow-namespace-resource", ...of)}; then \`tiphys app sync NAME\``
  );
}

/** What a service account may not do that syncs run as, or that there is none. */
function forbidden({ text }: Wait, { project, destination }: Application): string | undefined {
  if (text.startsWith("no matching service account found") || text.includes(": no matching service account found")) {
    const of = [project, destination.server || "*", destination.namespace || "*", "default"];
    return `name the service account that syncs run as, here default: ${command("proj", "add-destination-service-account", ...of)}`;
  }
  const user = /\bUser "(system:serviceaccount:[\w.:-]+)" cannot\b/i.exec(text)?.[1];
  if (user === undefined) return undefined;
  return (
    `grant it to the service account that syncs of this Application run as ` +
    `(${command("auth", "can-i", "--list", "--as", user).replace("`tiphys", "`kubectl")} tells what it may do), ` +
    "then `tiphys app sync NAME`"
  );
}

function clusterRemedy({ destination: { server, name } }: Application, { text }: Wait): string {
  const which = server || name || "";
  const back = "`tiphys app get NAME --hard-refresh` looks again";
  if (text.includes("Failed to load live state")) {
    return `mend the cluster's address or credentials (${command("cluster", "get", which)}); ${back}`;
  }
  return (
    "see `tiphys cluster list`; connect the cluster (tiphys cluster add CONTEXT), or let the Application go to this one with " +
    "`tiphys app set NAME --dest-server https://kubernetes.default.svc`"
  );
}

function holdRemedy(_: Application, { holds = [] }: Wait): string {
  const releases = holds.map(releaseOf);
  const ends = releases.length === 0 ? "they are read in a moment" : `end it with ${releases.join(" and ")}`;
  return `see \`tiphys app hold --list\`; ${ends}, or sync by hand with \`tiphys app sync NAME\``;
}

function releaseOf(scope: HoldScope): string {
  switch (scope.kind) {
    case "application":
      return "`tiphys app hold NAME --release`";
    case "selector":
      return command("app", "hold", "--selector", scope.selector, "--release");
    case "cluster":
      return command("app", "hold", "--cluster", scope.cluster, "--release");
    case "all":
      return "`tiphys app hold --all --release`";
  }
}

function projectRemedy(application: Application, { text }: Wait): string {
  const { project, destination, metadata } = application;
  const cluster = /destination server '([^']*)'/.exec(text)?.[1] ?? destination.server ?? "";
  const repository = /application repo (\S+) is not permitted/.exec(text)?.[1];
  if (repository !== undefined) return `allow it with ${command("proj", "add-source", project, repository)}`;
  if (text.includes("is not allowed to use project")) {
    return `allow its namespace with ${command("proj", "add-source-namespace", project, metadata.namespace)}`;
  }
  if (text.includes("which does not exist")) {
    const sources = application.sources.flatMap(({ repoURL }) => ["-s", repoURL]);
    const place = `${destination.server || "*"},${destination.namespace || "*"}`;
    return `make it with ${command("proj", "create", project, ...sources, "-d", place)}, or take another with \`tiphys app set NAME --project default\``;
  }
  if (text.includes("do not match any of the allowed destinations")) {
    return `allow it with ${command("proj", "add-destination", project, cluster, destination.namespace || "*")}`;
  }
  return `change the project (${command("proj", "get", project)} shows it), or the Application's project, source or destination`;
}

function repositoryRemedy(_: Application, { text }: Wait): string {
  const again = "`tiphys app get NAME --hard-refresh` looks again";
  if (text.includes("app path does not exist")) {
    return `push the folder, or name another one (tiphys app set NAME --path FOLDER); ${again}`;
  }
  if (/unable to resolve|not found in .* refs|couldn't find remote ref/i.test(text)) {
    return `push the revision, or follow another with \`tiphys app set NAME --revision HEAD\`; ${again}`;
  }
  return `see \`tiphys repo list\`: mend the repository, its credentials, or the Application's path and revision; ${again}`;
}

function skipRemedy(_: Application, { text }: Wait): string {
  if (text.endsWith(" application.namespaces")) {
    return "add it to application.namespaces of the ConfigMap argocd/argocd-cmd-params-cm, or move the Application";
  }
  const name = "argocd.argoproj.io/skip-reconcile";
  const cluster = / of the cluster (.+)$/.exec(text)?.[1];
  if (cluster === undefined) return `go on with ${withoutAnnotation(name)}`;
  return `take the annotation away from the Secret of the cluster (${command("cluster", "get", cluster)})`;
}

function withoutAnnotation(annotation: string): string {
  const patch = JSON.stringify({ metadata: { annotations: { [annotation]: null } } });
  return `\`tiphys app patch NAME --type merge --patch '${patch}'\``;
}

/** In backticks, quoted for a shell. */
function command(...words: readonly string[]): string {
  return `\`tiphys ${words.map(shellWord).join(" ")}\``;
}

function shownName(key: string): string {
  return key.startsWith("argocd/") ? key.slice("argocd/".length) : key;
}
