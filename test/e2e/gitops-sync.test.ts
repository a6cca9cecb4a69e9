import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { ApplicationStatus } from "../../src/api/application-types.ts";
import { readAudit } from "../harness/audit.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing, projectRoot } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { application, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();

const skip = kubectlMissing();
const fixtures = join(projectRoot, "..", "shared", "fixtures", "argo-cd-apps");
const bySelf = { syncPolicy: { automated: {} } };

/** A fixture as it is, with Jobs and Pods that take a moment: time to look, and to kill. */
async function fixture(path: string, afterText: string): Promise<string> {
  const text = await readFile(join(fixtures, path), "utf8");
  return text.replaceAll(/^( +)(argocd\.argoproj\.io\/hook: .*)$/gm, `$1$2\n$1tiphys.io/simulate-after: ${afterText}`);
}

async function isThere(path: string): Promise<boolean> {
  return readFile(join(fixtures, path)).then(
    () => true,
    () => false,
  );
}

const seenIn = ({ operationState }: ApplicationStatus): string[] =>
  (operationState?.syncResult?.resources ?? []).map(
    ({ kind, name }) => `${kind}/${name?.replace(/schema.*/, "schema")}`,
  );

/** What the sync did, in its order; each step only after the one before was over. */
const sequence = [
  "Job/upgrade-sql-schema",
  "Service/backend",
  "ReplicaSet/backend",
  "Job/maint-page-up",
  "Service/frontend",
  "ReplicaSet/frontend",
  "Job/maint-page-down",
];

test("the waves and hooks of an application run in the order that others observed", { skip }, async (t) => {
  if (!(await isThere("sync-waves/manifests.yaml"))) return t.skip("the fixtures are not here");
  const files = { "manifests.yaml": await fixture("sync-waves/manifests.yaml", "300ms") };
  await using folder = await tempDir();
  const log = join(folder.path, "audit.log");
  await using scenario = await GitOpsScenario.start({
    args: ["--kube-audit-log", log],
    repositories: { waves: files },
    manifests: (urlOf) => [application("waves", urlOf("waves"), bySelf)],
  });
  const status = await scenario.waitForSynced("waves", undefined, 60_000);
  assert.deepEqual(seenIn(status), sequence);
  const moments = await momentsIn(log);
  const order = sequence.flatMap((what) =>
    what.startsWith("Job") ? [`made ${what}`, `over ${what}`] : [`made ${what}`],
  );
  assert.deepEqual(
    [...moments.keys()].sort((one, other) => (moments.get(one) ?? 0) - (moments.get(other) ?? 0)),
    order,
  );
});

const kindOf: Readonly<Record<string, string>> = {
  jobs: "Job",
  services: "Service",
  replicasets: "ReplicaSet",
  deployments: "Deployment",
};

/**
 * The API's own word, from its audit log: when the engine made each object (once, or it fails), and when a Job was over,
 * which is the last that the simulation says of it.
 */
async function momentsIn(log: string): Promise<ReadonlyMap<string, number>> {
  const moments = new Map<string, number>();
  for (const [index, { objectRef, responseStatus, userAgent = "", requestURI, verb }] of (
    await readAudit(log)
  ).entries()) {
    const { resource = "", subresource, name = "" } = objectRef ?? {};
    const what = `${kindOf[resource]}/${name.replace(/schema.*/, "schema").replace(/-[0-9a-f]{7,}.*/, "")}`;
    if (kindOf[resource] === undefined || requestURI.includes("dryRun")) continue;
    if (userAgent.startsWith("tiphys/") && responseStatus.code === 201) {
      assert.equal(moments.get(`made ${what}`), undefined, `${what} was made twice`);
      moments.set(`made ${what}`, index);
    }
    if (userAgent.startsWith("tiphys/") && verb === "delete") moments.set(`gone ${what}`, index);
    if (resource === "jobs" && subresource === "status") moments.set(`over ${what}`, index);
  }
  return moments;
}

test("hooks before and after a sync run, and go when they succeeded", { skip }, async (t) => {
  if (!(await isThere("pre-post-sync/pre-sync-job.yaml"))) return t.skip("the fixtures are not here");
  const files = {
    "pre-sync-job.yaml": await fixture("pre-post-sync/pre-sync-job.yaml", "300ms"),
    "post-sync-job.yaml": await fixture("pre-post-sync/post-sync-job.yaml", "300ms"),
    "deployment.yaml": await readFile(join(fixtures, "kustomize-guestbook/guestbook-ui-deployment.yaml"), "utf8"),
    "svc.yaml": await readFile(join(fixtures, "kustomize-guestbook/guestbook-ui-svc.yaml"), "utf8"),
  };
  await using folder = await tempDir();
  const log = join(folder.path, "audit.log");
  await using scenario = await GitOpsScenario.start({
    args: ["--kube-audit-log", log],
    repositories: { guestbook: files },
    manifests: (urlOf) => [application("guestbook", urlOf("guestbook"), bySelf)],
  });
  const status = await scenario.waitForSynced("guestbook", undefined, 60_000);
  assert.deepEqual(
    status.operationState?.syncResult?.resources?.map(
      ({ name, syncPhase, hookPhase }) => `${syncPhase} ${name} ${hookPhase}`,
    ),
    [
      "PreSync before Succeeded",
      "Sync guestbook-ui Succeeded",
      "Sync guestbook-ui Succeeded",
      "PostSync after Succeeded",
    ],
  );
  assert.deepEqual(await scenario.list("jobs"), []);
  const moments = await momentsIn(log);
  const at = (moment: string): number => moments.get(moment) ?? Number.NaN;
  for (const [earlier, later] of [
    ["made Job/before", "over Job/before"],
    ["over Job/before", "made Service/guestbook-ui"],
    ["made Service/guestbook-ui", "made Deployment/guestbook-ui"],
    ["made Deployment/guestbook-ui", "made Job/after"],
    ["made Job/after", "over Job/after"],
    ["over Job/after", "gone Job/after"],
    ["over Job/after", "gone Job/before"],
  ] as const) {
    assert.ok(at(earlier) < at(later), `${earlier} (${at(earlier)}) comes before ${later} (${at(later)})`);
  }
});

test("kill -9 in every phase: the sync completes, each hook ran once", { skip }, async (t) => {
  if (!(await isThere("sync-waves/manifests.yaml"))) return t.skip("the fixtures are not here");
  const files = { "manifests.yaml": await fixture("sync-waves/manifests.yaml", "1500ms") };
  await using folder = await tempDir();
  const log = join(folder.path, "audit.log");
  await using scenario = await GitOpsScenario.start({
    args: ["--kube-audit-log", log],
    repositories: { waves: files },
    manifests: (urlOf) => [application("waves", urlOf("waves"), bySelf)],
  });
  const uids = new Map<string, string>();
  let startedAt: string | undefined;
  for (const kills of sequence.map((_, index) => index + 1)) {
    const status = await scenario.waitForStatus(
      "waves",
      `to have begun ${sequence[kills - 1]}`,
      (one) => seenIn(one).length >= kills,
      60_000,
    );
    startedAt ??= status.operationState?.startedAt;
    for (const { metadata } of await scenario.list("jobs")) {
      const known = uids.get(metadata.name);
      assert.ok(known === undefined || known === metadata.uid, `${metadata.name} ran again`);
      uids.set(metadata.name, metadata.uid);
    }
    await scenario.engine.kill9();
    await scenario.restart();
  }
  const status = await scenario.waitForSynced("waves", undefined, 60_000);
  assert.equal(status.operationState?.startedAt, startedAt, "it was one sync");
  assert.equal(status.operationState?.retryCount, undefined);
  assert.deepEqual(seenIn(status), sequence);
  const jobs = await waitFor("the Jobs", () => scenario.list("jobs"));
  assert.deepEqual(jobs.map(({ metadata }) => metadata.uid).sort(), [...uids.values()].sort());
  assert.equal(jobs.length, 3);
  await momentsIn(log); // fails where something was made twice
});
