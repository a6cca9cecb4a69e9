import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { ApplicationStatus } from "../../src/api/application-types.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing, projectRoot } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, GitOpsScenario, type Resource } from "./gitops-scenario.ts";

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
  await using scenario = await GitOpsScenario.start({
    repositories: { waves: files },
    manifests: (urlOf) => [application("waves", urlOf("waves"), bySelf)],
  });
  const status = await scenario.waitForSynced("waves", undefined, 60_000);
  assert.deepEqual(seenIn(status), sequence);
  // The API's own word: versions count up over all objects, and that of a Job moves once more when it is over.
  const jobs = await scenario.list("jobs");
  const versionOf = (name: string): number => Number(one(jobs, name).metadata.resourceVersion);
  const services = await scenario.list("services");
  const made = (name: string): number => Number(one(services, name).metadata.resourceVersion);
  const order = [
    versionOf("upgrade-sql-schema"),
    made("backend"),
    versionOf("maint-page-up"),
    made("frontend"),
    versionOf("maint-page-down"),
  ];
  assert.deepEqual(
    order,
    [...order].sort((a, b) => a - b),
  );
});

function one(resources: readonly Resource[], start: string): Resource {
  const found = resources.filter(({ metadata }) => metadata.name.startsWith(start));
  assert.equal(found.length, 1, `${start}: ${resources.map(({ metadata }) => metadata.name).join()}`);
  return found[0] as Resource;
}

test("hooks before and after a sync run, and go when they succeeded", { skip }, async (t) => {
  if (!(await isThere("pre-post-sync/pre-sync-job.yaml"))) return t.skip("the fixtures are not here");
  const files = {
    "pre-sync-job.yaml": await fixture("pre-post-sync/pre-sync-job.yaml", "300ms"),
    "post-sync-job.yaml": await fixture("pre-post-sync/post-sync-job.yaml", "300ms"),
    "deployment.yaml": await readFile(join(fixtures, "kustomize-guestbook/guestbook-ui-deployment.yaml"), "utf8"),
    "svc.yaml": await readFile(join(fixtures, "kustomize-guestbook/guestbook-ui-svc.yaml"), "utf8"),
  };
  await using scenario = await GitOpsScenario.start({
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
});

test("kill -9 in every phase: the sync completes, each hook ran once", { skip }, async (t) => {
  if (!(await isThere("sync-waves/manifests.yaml"))) return t.skip("the fixtures are not here");
  const files = { "manifests.yaml": await fixture("sync-waves/manifests.yaml", "1500ms") };
  await using scenario = await GitOpsScenario.start({
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
});
