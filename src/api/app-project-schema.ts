import type { JsonSchema } from "../base/schema.ts";
import { flag, list, object, text, texts, whole } from "./application-fields.ts";

const kind = object("One pattern.", { group: text("The API group, as a glob."), kind: text("The kind, as a glob.") }, [
  "group",
  "kind",
]);

const clusterKind = object(
  "One pattern.",
  {
    group: text("The API group, as a glob."),
    kind: text("The kind, as a glob."),
    name: text("The object's name, as a glob; empty: any."),
  },
  ["group", "kind"],
);

const tokenSchema = object(
  "One token; valid only while it stands here.",
  {
    iat: whole("When it was made, in seconds since 1970."),
    exp: whole("When it ends, in seconds since 1970; absent: never."),
    id: text("Its name."),
  },
  ["iat"],
);

const roleSchema = object(
  "One role.",
  {
    name: text("Letters and digits, with - and _ between them."),
    description: text("For people."),
    policies: texts("Lines: p, proj:<project>:<role>, <resource>, <action>, <object>, allow|deny"),
    groups: texts("Groups of the single sign-on that have the role."),
    jwtTokens: list("Tokens of the role.", tokenSchema),
  },
  ["name"],
);

const windowSchema = object("When syncs may happen.", {
  kind: text("allow or deny; deny wins."),
  schedule: text("When it opens: five fields of cron."),
  duration: text("How long it is open: 1h30m"),
  timeZone: { ...text("IANA name; one that is not known counts as UTC."), default: "UTC" },
  applications: texts("Globs over names."),
  clusters: texts("Globs over the destination's server or name."),
  namespaces: texts("Globs over the destination's namespace."),
  andOperator: { ...flag("Whether every list must match, instead of any."), default: false },
  manualSync: { ...flag("Whether people may sync anyway."), default: false },
  syncOverrun: { ...flag("Whether a sync that began while it was allowed may go on."), default: false },
  description: text("For people; at most 255 characters."),
});

const integritySchema = object("Which commits are trusted.", {
  git: object(
    "For Git repositories.",
    {
      policies: list(
        "At most one may fit a repository.",
        object(
          "One policy.",
          {
            repos: list("Which repositories.", object("One.", { url: text("A glob; !pattern excludes.") }, ["url"])),
            gpg: object(
              "Signatures.",
              {
                mode: text("none, head (the commit or tag) or strict (its ancestors, too)."),
                keys: texts("Keys that are trusted."),
              },
              ["mode", "keys"],
            ),
          },
          ["repos", "gpg"],
        ),
      ),
    },
    ["policies"],
  ),
});

/** The AppProject's `spec` (spec argo-cd-surface 2.1). */
export const appProjectSchema = object("What its Applications may use.", {
  description: text("For people; at most 255 characters."),
  sourceRepos: texts("Globs over repositories; !pattern denies."),
  destinations: list(
    "Clusters and namespaces; !pattern denies.",
    object("One pattern.", {
      server: text("The cluster's URL, as a glob."),
      name: text("The cluster's name, as a glob."),
      namespace: text("The namespace, as a glob."),
    }),
  ),
  sourceNamespaces: texts("Namespaces in which its Applications may live: globs, or /regular expressions/."),
  clusterResourceWhitelist: list("Kinds of the cluster that are allowed; empty: none.", clusterKind),
  clusterResourceBlacklist: list("Kinds of the cluster that are denied.", clusterKind),
  namespaceResourceWhitelist: list("Kinds in namespaces that are allowed; absent: all, empty: none.", kind),
  namespaceResourceBlacklist: list("Kinds in namespaces that are denied.", kind),
  roles: list("Who may do what.", roleSchema),
  syncWindows: list("When syncs may happen.", windowSchema),
  orphanedResources: object("Objects that no Application manages are looked for.", {
    warn: { ...flag("Whether the Application gets a condition about them."), default: false },
    ignore: list(
      "Those that do not count.",
      object("One pattern.", {
        group: text("The API group, as a glob."),
        kind: text("The kind, as a glob."),
        name: text("The name, as a glob."),
      }),
    ),
  }),
  signatureKeys: list(
    "Keys that must have signed; superseded by `sourceIntegrity`.",
    object("One key.", { keyID: text("Its id.") }, ["keyID"]),
  ),
  sourceIntegrity: integritySchema,
  permitOnlyProjectScopedClusters: { ...flag("Whether only the project's own clusters count."), default: false },
  destinationServiceAccounts: list(
    "Whose rights a sync has; the first that fits.",
    object(
      "One rule.",
      {
        server: text("The cluster's URL, as a glob."),
        namespace: text("The namespace, as a glob."),
        defaultServiceAccount: text("The account: name, or namespace:name."),
      },
      ["server", "defaultServiceAccount"],
    ),
  ),
}) satisfies JsonSchema;

/** The AppProject's `status`. */
export const appProjectStatusSchema = object("What is known about it.", {
  jwtTokensByRole: {
    type: "object",
    description: "Tokens by role.",
    additionalProperties: object("Of one role.", { items: list("Its tokens.", tokenSchema) }),
  },
});
