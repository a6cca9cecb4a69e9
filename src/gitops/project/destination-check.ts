import type { AppProject, Destination } from "../../api/application-types.ts";
import { compilePathGlob } from "../../base/path-glob.ts";
import { type Cluster, permitted, refused, type Verdict } from "./project.ts";

/** Whether the project's Applications may write to the namespace of the cluster (spec argo-cd-surface 2.3). */
export function checkDestination(project: AppProject, cluster: Cluster, namespace: string): Verdict {
  const { name } = project.metadata;
  const no = refused(
    `application destination server '${cluster.server}' and namespace '${namespace}' do not match any of the allowed ` +
      `destinations in project '${name}'`,
  );
  let isPermitted = false;
  for (const item of project.destinations) {
    const answer = checkItem(item, cluster, namespace);
    if (answer === "refuse") return no;
    isPermitted ||= answer === "permit";
  }
  if (!isPermitted) return no;
  if (project.permitOnlyProjectScopedClusters && cluster.project !== name) {
    return refused(`destination '${cluster.server}' is not one of the clusters of project '${name}'`);
  }
  return permitted;
}

function checkItem(item: Destination, cluster: Cluster, namespace: string): "permit" | "refuse" | "pass" {
  const byName = cluster.name !== "" && item.name !== undefined && matches(item.name, cluster.name);
  const byServer = item.server !== undefined && matches(item.server, cluster.server);
  const inNamespace = matches(item.namespace ?? "", namespace);
  if ((byServer || byName) && inNamespace) return "permit";
  if (!byName && isDeny(item.name)) return "refuse";
  if (!byServer && isDeny(item.server) && inNamespace) return "refuse";
  if (!inNamespace && isDeny(item.namespace) && byServer) return "refuse";
  return "pass";
}

function isDeny(pattern: string | undefined): boolean {
  return pattern?.startsWith("!") === true;
}

/** `*` crosses everything; with `!` the rest must not match. */
function matches(pattern: string, text: string): boolean {
  if (pattern.startsWith("!")) return !compilePathGlob(pattern.slice(1), { dialect: "gobwas" })(text);
  return compilePathGlob(pattern, { dialect: "gobwas" })(text);
}
