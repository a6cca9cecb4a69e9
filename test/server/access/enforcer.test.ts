import assert from "node:assert/strict";
import { test } from "node:test";
import { builtInPolicy } from "../../../src/server/access/built-in-policy.ts";
import {
  createJudge,
  faultsOf,
  type MatchMode,
  projectOfObject,
  projectPolicyOf,
} from "../../../src/server/access/enforcer.ts";
import { joined, parsePolicy } from "../../../src/server/access/policy.ts";

interface Setting {
  readonly csv?: string;
  readonly mode?: MatchMode;
  readonly fallback?: string;
  /** By project: lines of its role `dev`, and its groups. */
  readonly projects?: Readonly<Record<string, { readonly lines: string[]; readonly groups?: string[] }>>;
}

function judge({ csv = "", mode = "glob", fallback = "", projects = {} }: Setting) {
  return createJudge({
    policy: joined(builtInPolicy, parsePolicy(csv, "policy.csv")),
    mode,
    defaultRole: fallback,
    projectPolicy(project) {
      const found = projects[project];
      if (found === undefined) return undefined;
      return projectPolicyOf(project, [{ name: "dev", policies: found.lines, groups: found.groups ?? [] }]);
    },
  });
}

const denyWins = `
  p, role:ops, applications, *, */*, allow
  p, role:ops, applications, delete, prod/*, deny
  g, alice, role:ops`;
const twoRoles = `
  p, role:all, applications, *, */*, allow
  p, role:none, applications, sync, prod/web, deny
  g, alice, role:all
  g, alice, role:none
  g, bob, role:all`;
const chain = `
  p, role:base, clusters, get, https://*, allow
  g, role:middle, role:base
  g, role:top, role:middle
  g, alice, role:top`;
const devLine = "p, proj:shop:dev, applications, sync, shop/*, allow";
const shop = { projects: { shop: { lines: [devLine], groups: ["my-team"] } } };

type Question = readonly [subject: string, resource: string, action: string, object: string];

const table: readonly (readonly [string, Setting, Question, boolean])[] = [
  ["nobody may anything", {}, ["alice", "applications", "get", "default/web"], false],
  ["admin may everything that there is", {}, ["admin", "applications", "sync", "default/web"], true],
  ["admin includes readonly", {}, ["admin", "logs", "get", "default/web"], true],
  ["admin may run actions", {}, ["admin", "applications", "action/apps/Deployment/restart", "default/web"], true],
  ["admin may change a managed object", {}, ["admin", "applications", "delete//Pod/x/web", "default/web"], true],
  ["admin may not invoke extensions", {}, ["admin", "extensions", "invoke", "x"], false],
  [
    "a project's role has no say over another project, whatever its lines name",
    { projects: { shop: { lines: ["p, proj:shop:dev, applications, sync, */*, allow"] } } },
    ["proj:shop:dev", "applications", "sync", "bank/web"],
    false,
  ],
  [
    "nor over what is no project's",
    { projects: { shop: { lines: ["p, proj:shop:dev, certificates, delete, *, allow"] } } },
    ["proj:shop:dev", "certificates", "delete", "git.example"],
    false,
  ],
  ["readonly reads", { fallback: "role:readonly" }, ["alice", "projects", "get", "shop"], true],
  ["readonly does not write", { fallback: "role:readonly" }, ["alice", "projects", "update", "shop"], false],
  ["readonly does not exec", { fallback: "role:readonly" }, ["alice", "exec", "create", "shop/web"], false],
  ["a role by its group line", { csv: denyWins }, ["alice", "applications", "delete", "dev/web"], true],
  ["deny wins over allow", { csv: denyWins }, ["alice", "applications", "delete", "prod/web"], false],
  ["and only where it fits", { csv: denyWins }, ["alice", "applications", "sync", "prod/web"], true],
  [
    "a deny of another role of the same subject wins",
    { csv: twoRoles },
    ["alice", "applications", "sync", "prod/web"],
    false,
  ],
  ["and does not concern others", { csv: twoRoles }, ["bob", "applications", "sync", "prod/web"], true],
  ["roles lead on", { csv: chain }, ["alice", "clusters", "get", "https://a.example"], true],
  [
    "no line takes back what the default role gives",
    { csv: "p, alice, projects, get, *, deny", fallback: "role:readonly" },
    ["alice", "projects", "get", "shop"],
    true,
  ],
  [
    "* goes over slashes",
    { csv: "p, alice, applications, get, *, allow" },
    ["alice", "applications", "get", "shop/team-a/web"],
    true,
  ],
  [
    "classes",
    { csv: "p, alice, applications, get, shop/web-[0-9], allow" },
    ["alice", "applications", "get", "shop/web-7"],
    true,
  ],
  [
    "alternatives in quotes hold commas",
    { csv: 'p, alice, applications, "{get,sync}", shop/*, allow' },
    ["alice", "applications", "get", "shop/web"],
    true,
  ],
  [
    "the whole text must fit a glob",
    { csv: "p, alice, applications, get, shop, allow" },
    ["alice", "applications", "get", "shop/web"],
    false,
  ],
  [
    "an expression is found anywhere",
    { csv: "p, alice, applications, get, web$, allow", mode: "regex" },
    ["alice", "applications", "get", "shop/web"],
    true,
  ],
  [
    "globs are no expressions",
    { csv: "p, alice, applications, get, ^shop/w.b$, allow" },
    ["alice", "applications", "get", "shop/web"],
    false,
  ],
  [
    "a line for nobody in particular is for all",
    { csv: "p, , projects, get, shop, allow" },
    ["alice", "projects", "get", "shop"],
    true,
  ],
  [
    "an effect that is none has none",
    { csv: "p, alice, projects, get, shop, Allow" },
    ["alice", "projects", "get", "shop"],
    false,
  ],
  ["a role's token by its project's lines", shop, ["proj:shop:dev", "applications", "sync", "shop/web"], true],
  ["a role's token sees its project", shop, ["proj:shop:dev", "projects", "get", "shop"], true],
  ["and no other", shop, ["proj:shop:dev", "projects", "get", "other"], false],
  ["and does not more", shop, ["proj:shop:dev", "applications", "delete", "shop/web"], false],
  [
    "a role's token is judged by its project alone",
    { ...shop, csv: "p, proj:shop:dev, clusters, get, *, allow" },
    ["proj:shop:dev", "clusters", "get", "https://a.example"],
    false,
  ],
  ["a role of a project that is gone", {}, ["proj:gone:dev", "applications", "get", "gone/web"], false],
  ["a member of a role's group", shop, ["my-team", "applications", "sync", "shop/web"], true],
  ["a member of a role's group, elsewhere", shop, ["my-team", "applications", "sync", "other/web"], false],
  [
    "a group by a user's line",
    { ...shop, csv: "g, alice, my-team" },
    ["alice", "applications", "sync", "shop/web"],
    true,
  ],
  [
    "a group with a comma, in quotes",
    { projects: { shop: { lines: [devLine], groups: ['"cn=a,dc=b"'] } } },
    ["cn=a,dc=b", "applications", "sync", "shop/web"],
    true,
  ],
  [
    "a project that cannot be read is judged without its lines",
    { csv: "p, alice, applications, get, shop/*, allow", projects: { shop: { lines: ["nonsense"] } } },
    ["alice", "applications", "get", "shop/web"],
    true,
  ],
];

for (const [name, setting, question, isAllowed] of table) {
  test(`${name}: ${isAllowed ? "yes" : "no"}`, () => assert.equal(judge(setting)(...question), isAllowed));
}

for (const [text, fault] of [
  ["p, alice, applications, get, x", /line 1: .* must be p, subject/],
  ["\n# comment\np, a, b, c, d, allow, more", /line 3: /],
  ["g, alice", /must be g, subject, role/],
  ["g, alice, role:a, b", /must be g, subject, role/],
  ["x, alice, role:a", /must begin with p or g/],
  ['p, "alice, applications, get, x, allow', /a quote has no end/],
  ['p, al"ice, applications, get, x, allow', /around the whole of a field/],
] as const) {
  test(`a policy with ${JSON.stringify(text)} is refused, with its line`, () => {
    assert.throws(() => parsePolicy(text, "policy.csv"), fault);
  });
}

test("an expression that cannot be read is a fault of the policy; a glob is not", () => {
  const policy = parsePolicy("p, alice, applications, get, (, deny", "policy.csv");
  assert.deepEqual([faultsOf(policy, "regex").length, faultsOf(policy, "glob")], [1, []]);
});

test("which project has a say", () => {
  const objects = [
    ["applications", "shop/web", "shop"],
    ["projects", "shop", "shop"],
    ["clusters", "https://a", "https:"],
    ["clusters", "in-cluster", undefined],
    ["accounts", "a/b", undefined],
  ] as const;
  for (const [resource, object, project] of objects) assert.equal(projectOfObject(resource, object), project);
});
