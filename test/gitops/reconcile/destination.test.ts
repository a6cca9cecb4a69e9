import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppProject } from "../../../src/api/application-types.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { defaultProject } from "../../../src/gitops/project/project.ts";
import { type DestinationCluster, placeOf } from "../../../src/gitops/reconcile/destination.ts";
import { applicationOf, source } from "./applications.ts";

// What a place is made of is only passed on: neither cluster is asked.
const cluster = (name: string, server: string): DestinationCluster =>
  ({ name, server }) as Partial<DestinationCluster> as DestinationCluster;
const clusters = [
  cluster("in-cluster", "https://kubernetes.default.svc"),
  cluster("slash", "https://slash.example/"),
  cluster("twin", "https://a.example"),
  cluster("twin", "https://b.example"),
];
const narrow: Partial<AppProject> = {
  sourceRepos: ["https://git.example/other.git"],
  destinations: [{ server: "https://kubernetes.default.svc", namespace: "shop" }],
};

const cases: readonly (readonly [name: string, spec: JsonObject, expected: string | readonly string[]])[] = [
  ["a server", { destination: { server: "https://kubernetes.default.svc" } }, "in-cluster"],
  ["a server with a slash at its end", { destination: { server: "https://kubernetes.default.svc/" } }, "in-cluster"],
  ["a server that is known with a slash", { destination: { server: "https://slash.example" } }, "slash"],
  ["a name", { destination: { name: "in-cluster" } }, "in-cluster"],
  [
    "an unknown server",
    { destination: { server: "https://none" } },
    ['error getting cluster by server "https://none": cluster "https://none" not found'],
  ],
  ["an unknown name", { destination: { name: "none" } }, ["there are no clusters with this name: none"]],
  [
    "a name of two clusters",
    { destination: { name: "twin" } },
    ["there are 2 clusters with the same name: [https://a.example https://b.example]"],
  ],
  [
    "name and server",
    { destination: { name: "in-cluster", server: "https://x" } },
    ["application destination can't have both name and server defined: in-cluster https://x"],
  ],
  ["no destination", { destination: {} }, ["Destination server missing from app spec"]],
  ["a project that is not there", { project: "none" }, ["Application referencing project none which does not exist"]],
  [
    "a repository that the project does not permit, named once, and an unknown cluster",
    { project: "narrow", source: null, sources: [source, { ...source, path: "b" }], destination: { name: "none" } },
    [
      "application repo https://git.example/shop.git is not permitted in project 'narrow'",
      "there are no clusters with this name: none",
    ],
  ],
  [
    "a namespace that the project does not permit",
    {
      project: "narrow",
      source: { ...source, repoURL: "https://git.example/other" },
      destination: { name: "in-cluster", namespace: "kube-system" },
    },
    [
      "application destination server 'https://kubernetes.default.svc' and namespace 'kube-system' do not match any of " +
        "the allowed destinations in project 'narrow'",
    ],
  ],
];

for (const [name, spec, expected] of cases) {
  test(`the place of an Application with ${name}`, () => {
    const projects = new Map([
      ["default", defaultProject("argocd")],
      [
        "narrow",
        { ...defaultProject("argocd"), ...narrow, metadata: { ...defaultProject("argocd").metadata, name: "narrow" } },
      ],
    ]);
    const directory = {
      project: (wanted: string) => projects.get(wanted),
      clusters: () => clusters,
      controllerNamespace: "argocd",
    };
    const place = placeOf(applicationOf(spec), directory);
    assert.deepEqual("problems" in place ? place.problems : place.cluster.name, expected);
  });
}
