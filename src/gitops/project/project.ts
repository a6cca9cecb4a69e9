import type { AppProject } from "../../api/application-types.ts";

/** Whether a project permits something; the reason is the message of the original. */
export type Verdict = { readonly permitted: true } | { readonly permitted: false; readonly reason: string };

export const permitted: Verdict = { permitted: true };

export function refused(reason: string): Verdict {
  return { permitted: false, reason };
}

/** A cluster that an Application's destination names. */
export interface Cluster {
  readonly server: string;
  readonly name: string;
  /** The project to which it belongs alone. */
  readonly project?: string;
}

/** One kind of object, and one object of it where the name matters. */
export interface KindToCheck {
  readonly group: string;
  readonly kind: string;
  readonly name?: string;
  readonly isNamespaced: boolean;
}

/** The project that is there when nobody made it: everything is permitted. */
export function defaultProject(namespace: string): AppProject {
  const spec = {
    sourceRepos: ["*"],
    destinations: [{ server: "*", namespace: "*" }],
    clusterResourceWhitelist: [{ group: "*", kind: "*" }],
  };
  return {
    ...spec,
    metadata: { name: "default", namespace, uid: "", generation: 0, createdAt: "", labels: {}, annotations: {} },
    description: "",
    sourceNamespaces: [],
    clusterResourceBlacklist: [],
    namespaceResourceBlacklist: [],
    syncWindows: [],
    roles: [],
    permitOnlyProjectScopedClusters: false,
    spec,
  };
}

/** The condition InvalidSpecError for a project that is not there. */
export function missingProjectMessage(name: string): string {
  return `Application referencing project ${name} which does not exist`;
}
