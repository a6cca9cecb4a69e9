import type { Permission, Policy } from "./policy.ts";

const readable = [
  ...["applications", "applicationsets", "certificates", "clusters", "repositories", "write-repositories"],
  ...["projects", "accounts", "gpgkeys", "logs"],
];

const changes: Readonly<Record<string, readonly string[]>> = {
  applications: [
    ...["create", "update", "delete", "sync", "override", "rollback"],
    ...["action/*", "update/*", "delete/*"],
  ],
  applicationsets: ["create", "update", "delete"],
  certificates: ["create", "update", "delete"],
  clusters: ["create", "update", "delete"],
  repositories: ["create", "update", "delete"],
  "write-repositories": ["create", "update", "delete"],
  projects: ["create", "update", "delete"],
  accounts: ["update"],
  gpgkeys: ["create", "delete"],
  exec: ["create"],
  // Ours: what stands under `/api/v1/tiphys`.
  tiphys: ["get", "create", "delete"],
};

function allow(subject: string, resource: string, action: string): Permission {
  return { subject, resource, action, object: "*", effect: "allow" };
}

/** `role:readonly`, `role:admin`, and the user `admin` who has it (spec argo-cd-surface 3.4). */
export const builtInPolicy: Policy = {
  permissions: [
    ...readable.map((resource) => allow("role:readonly", resource, "get")),
    ...Object.entries(changes).flatMap(([resource, actions]) =>
      actions.map((action) => allow("role:admin", resource, action)),
    ),
  ],
  groupings: [
    ["role:admin", "role:readonly"],
    ["admin", "role:admin"],
  ],
};
