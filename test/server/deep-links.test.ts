import assert from "node:assert/strict";
import { test } from "node:test";
import { deepLinks, type LinkSubjects } from "../../src/server/deep-links.ts";
import { applicationObject } from "./applications.ts";

const application = applicationObject("argocd", "web", {
  metadata: {
    annotations: { "argocd.argoproj.io/managed-by-url": "https://other.example", evil: "javascript:alert(1)" },
  },
  spec: { project: "team" },
});
const subjects: LinkSubjects = {
  application,
  resource: { kind: "Pod", metadata: { name: "web-1", namespace: "shop" }, spec: { replicas: 3 } },
  cluster: { server: "https://k", name: "prod", labels: { env: "prod" } },
};

const cases: readonly (readonly [name: string, entry: string, links: readonly object[]])[] = [
  [
    "a template",
    '- {title: Logs, url: "https://logs.example/{{.app.metadata.name}}?c={{.cluster.name}}", description: All, icon.class: "fa fa-x"}',
    [{ title: "Logs", url: "https://logs.example/web?c=prod", description: "All", iconClass: "fa fa-x" }],
  ],
  [
    "a function of sprig",
    '- {title: x, url: "https://x/{{ .application.metadata.name | upper }}"}',
    [{ title: "x", url: "https://x/WEB" }],
  ],
  [
    "a condition that holds",
    `- {title: x, url: "https://x", if: 'resource.kind == "Pod" && cluster.labels["env"] == "prod"'}`,
    [{ title: "x", url: "https://x" }],
  ],
  [
    "numbers",
    `- {title: x, url: "https://x/{{.resource.spec.replicas}}", if: "resource.spec.replicas > 2"}`,
    [{ title: "x", url: "https://x/3" }],
  ],
  ["a condition that does not", `- {title: x, url: "https://x", if: 'app.spec.project == "other"'}`, []],
  ["a condition that fails", `- {title: x, url: "https://x", if: "app.spec.none.deeper"}`, []],
  ["a condition that does not parse", `- {title: x, url: "https://x", if: "app.("}`, []],
  ["a condition that is no boolean", `- {title: x, url: "https://x", if: "app.metadata.name"}`, []],
  [
    "a template that does not parse, beside one that does",
    `- {title: x, url: "{{"}\n- {title: z, url: "https://z"}`,
    [{ title: "z", url: "https://z" }],
  ],
  [
    "another instance",
    `- {title: x, url: "{{.managedByURL}}/applications"}`,
    [{ title: "x", url: "https://other.example/applications" }],
  ],
  ["a script", `- {title: x, url: "{{.app.metadata.annotations.evil}}"}`, []],
  ["what is not there", `- {title: x, url: "https://x/{{.project.metadata.name}}", if: "project != nil"}`, []],
  ["nothing", "", []],
];

for (const [name, text, links] of cases) {
  test(`deep links: ${name}`, () => assert.deepEqual(deepLinks("application.links", text, subjects), links));
}

for (const text of ["a: [", "title: x", "- x"]) {
  test(`a setting that cannot be read is told: ${text}`, () => {
    assert.throws(() => deepLinks("resource.links", text, subjects), {
      code: "USAGE",
      message: /^resource\.links of argocd-cm/,
    });
  });
}
