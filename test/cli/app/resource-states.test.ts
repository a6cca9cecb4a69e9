import assert from "node:assert/strict";
import { test } from "node:test";
import { isSelected, type ResourcePattern, resourceStates } from "../../../src/cli/app/resource-states.ts";
import { parseResource } from "../../../src/cli/app/sync-request.ts";
import { applicationObject } from "../../server/applications.ts";

const web = { group: "apps", kind: "Deployment", namespace: "shop", name: "web" };

const selections: readonly (readonly [patterns: readonly string[], isIn: boolean])[] = [
  [[], true],
  [["apps:Deployment:web"], true],
  [["apps:Deployment:shop/web"], true],
  [["apps:Deployment:dev/web"], false],
  [["*:*:*"], true],
  [["*:Deployment:*/web"], true],
  [[":Deployment:web"], false],
  [["apps:Deployment:we"], false],
  [["!apps:Deployment:web"], false],
  [["!apps:Deployment:api"], true],
  [["apps:Deployment:web", "!*:*:web"], false],
  [["apps:Service:web", "!*:*:api"], false],
];

for (const [texts, isIn] of selections) {
  test(`--resource ${texts.join(" ") || "(none)"} ${isIn ? "includes" : "leaves out"} the Deployment`, () => {
    const patterns = texts.reduce<readonly ResourcePattern[]>((earlier, text) => parseResource(text, earlier), []);
    assert.equal(isSelected(web, patterns), isIn);
  });
}

for (const text of ["", "a", "a:b", "a:b:c:d", "a::c", "a:b:", "a:b:/c", "a:b:c/", "a:b:c/d/e", "!"]) {
  test(`--resource ${JSON.stringify(text)} is refused`, () => {
    assert.throws(() => parseResource(text, []), /must be \[!\]GROUP:KIND:\[NAMESPACE\/\]NAME\./);
  });
}

test("what the operation touched comes first, in its order; the others follow by name", () => {
  const application = applicationObject("argocd", "web", {
    status: {
      resources: [
        { kind: "Service", namespace: "shop", name: "b", status: "Synced" },
        { kind: "Service", namespace: "shop", name: "a", status: "Synced", health: { status: "Healthy" } },
        { ...web, status: "Synced", health: { status: "Progressing" } },
        { kind: "Pod", namespace: "shop", name: "hook", status: "OutOfSync", health: { status: "Healthy" } },
      ],
      operationState: {
        syncResult: {
          resources: [
            {
              kind: "Pod",
              namespace: "shop",
              name: "hook",
              hookType: "PostSync",
              hookPhase: "Running",
              status: "Synced",
            },
            { ...web, status: "Synced", hookPhase: "Running", message: "created\n" },
          ],
        },
      },
    },
  });
  const rows = (selected?: readonly ResourcePattern[]) =>
    resourceStates(application, selected).map(({ name, status, health, hook, message }) =>
      [name, status, health, hook, message].join("|"),
    );
  assert.deepEqual(rows(), [
    "hook|Running|Synced|PostSync|",
    "web|Synced|Progressing||created",
    "a|Synced|Healthy||",
    "b|Synced|||",
  ]);
  assert.deepEqual(rows(parseResource(":Service:*", [])), ["a|Synced|Healthy||", "b|Synced|||"]);
});
