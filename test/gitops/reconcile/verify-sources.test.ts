import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultProject } from "../../../src/gitops/project/project.ts";
import { createMemory } from "../../../src/gitops/reconcile/look.ts";
import { createSshSigner, gpgMissing } from "../../harness/gpg.ts";
import { configMap, openWorld, patient } from "./world.ts";

const skip = gpgMissing() ?? false;
const automated = { syncPolicy: { automated: {} } };

test("what is not signed as the project wants is compared and told of, but not synced", { skip }, async () => {
  await using signer = await createSshSigner();
  await using world = await openWorld();
  const project = defaultProject("argocd");
  world.projects.set("default", { ...project, spec: { ...project.spec, signatureKeys: [{ keyID: signer.key }] } });
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const app = world.app("web", automated);
  const { status, decision, found } = await world.look(app);
  assert.deepEqual(decision, {
    kind: "none",
    reason: "a signature that the project wants is missing, or not good",
    obstacle: { kind: "signature" },
  });
  assert.equal((status.sync as { status?: string }).status, "OutOfSync");
  assert.match(
    JSON.stringify(status.conditions),
    /"ComparisonError".*GIT\/GPG: Failed verifying revision .*: unsigned/,
  );
  // Nor by hand.
  assert.ok(found);
  const progress = await world.sync(app, found.look);
  assert.equal(progress.phase, "Error");
  assert.match(progress.message ?? "", /unsigned/);
  // Nor from no commit at all.
  const operation = { sync: { manifests: [configMap("local")] } };
  const status_ = { ...app.application.status, operationState: { operation } };
  const local = { ...app, memory: createMemory(), application: { ...app.application, status: status_ } };
  const refused = await world.look(local);
  assert.match(
    JSON.stringify(refused.status.conditions),
    /Cannot use local manifests when source integrity is enforced/,
  );

  await world.repository.git(...signer.options, "commit", "-q", "--allow-empty", "-S", "-m", "Signed");
  const signed = await world.look(app, { level: 3 });
  assert.equal(signed.decision.kind, "start");
  assert.doesNotMatch(JSON.stringify(signed.status.conditions ?? []), /ComparisonError/);

  await world.repository.commit({ "web/a.yaml": configMap("b") });
  const deps = { ...world.deps, verifiesSignatures: false };
  const unchecked = await world.look(app, { level: 3, deps, signal: patient() });
  assert.equal(unchecked.decision.kind, "start");

  // Of several sources, each problem begins with the name of its own, or its place.
  const source = { repoURL: world.repository.url, path: "web", targetRevision: "main" };
  const several = world.app("several", {
    sources: [source, { ...source, name: "manifests" }, { ...source, ref: "r" }],
  });
  const looked = await world.look(several, { level: 3 });
  const problems = JSON.stringify(looked.status.conditions).match(/[^"]*GIT\/GPG: Failed/g);
  const named = ["manifests", "source 1 of 3", "source 3 of 3"].map((name) => `${name}: GIT/GPG: Failed`);
  assert.deepEqual(problems, named);
});
