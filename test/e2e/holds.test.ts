import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

const skip = kubectlMissing() ?? false;

/** One engine for all: each test has Applications and a repository of its own, and lets go of its holds. */
let scenario: GitOpsScenario;

before(async () => {
  if (skip) return;
  scenario = await GitOpsScenario.start({
    repositories: {
      shop: { "a/a.yaml": configMap("a", "0"), "b/b.yaml": configMap("b", "0") },
      healed: { "a.yaml": configMap("healed", "first") },
      told: { "told/a.yaml": configMap("told", "0"), "other/a.yaml": configMap("other", "0") },
    },
    manifests: (urlOf) => {
      const at = (name: string, repository: string, metadata: object) =>
        application(name, urlOf(repository), { source: { repoURL: urlOf(repository), path: name } }, metadata);
      const heals = { "tiphys.io/on-revision": "wait", "tiphys.io/on-drift": "heal" };
      return [
        ...["a", "b"].map((name) => at(name, "shop", { labels: { team: name } })),
        application("healed", urlOf("healed"), {}, { annotations: heals }),
        at("told", "told", { annotations: { "tiphys.io/on-drift": "report" } }),
      ];
    },
  });
});

after(() => scenario?.[Symbol.asyncDispose]());
failOnLeakedChildren();

test("holds of many Applications keep their automated syncs back until they end", { skip }, async () => {
  const tiphys = async (line: string, code = 0): Promise<string> => {
    const result = await scenario.engine.cli(line.split(" "));
    assert.equal(result.code, code, `${line}: ${result.stdout}${result.stderr}`);
    return code === 0 ? result.stdout : result.stderr;
  };
  for (const name of ["a", "b"]) await scenario.waitForSynced(name);
  assert.match(await tiphys("app hold --all", 2), /--reason: must be given/);
  assert.match(await tiphys("app hold a --all --reason x", 2), /give one of APPNAME/);
  assert.match(await tiphys("app hold --selector =a --reason x", 20), /selector: /);
  const held = "app hold --selector team=a --reason incident --owner anna --for 2h";
  assert.match(await tiphys(held), /^Applications with labels team=a on hold until 20\S+Z\n$/);
  assert.match(await tiphys("app hold --list"), /labels team=a +anna +20\S+Z +incident\n/);
  const copy = await scenario.clone("shop");
  const commit = await copy.commitAndPush({ "a/a.yaml": configMap("a", "1"), "b/b.yaml": configMap("b", "1") });
  await scenario.waitForSynced("b", commit);
  await scenario.waitForStatus(
    "a",
    "to differ",
    ({ sync }) => sync?.status === "OutOfSync" && sync.revision === commit,
  );
  assert.match(await tiphys("app get a"), /\nOn Hold: +incident \(anna, until 20\S+Z\)\n/);
  assert.doesNotMatch(await tiphys("app get b"), /On Hold/);
  assert.match(
    await tiphys("app why a"),
    /waits for hold since 20\S+Z until 20\S+Z: .*incident \(anna, tiphys-hold-selector-/,
  );
  // A second engine, or somebody with kubectl, sees and makes the same.
  assert.match(await scenario.kubectl(["get", "cm", "-n", "argocd", "-l", "tiphys.io/hold"]), /tiphys-hold-selector-/);
  await tiphys("app hold --cluster https://kubernetes.default.svc --reason upgrade --owner bob");
  await tiphys("app hold --selector team=a --release");
  await waitFor("the hold of the cluster alone", async () =>
    /waits for hold since 20\S+Z: a sync is due, but it is on hold: upgrade \(bob, tiphys-hold-cluster-\w+\)\n/.test(
      await tiphys("app why a"),
    ),
  );
  assert.match(await tiphys("app hold --selector team=a --release", 20), /no such hold/);
  assert.equal(
    await tiphys("app hold --cluster https://kubernetes.default.svc --release"),
    "Applications of cluster https://kubernetes.default.svc released\n",
  );
  await scenario.waitForSynced("a", commit, 15_000);
  await tiphys("app hold --all --reason freeze --for 2s --owner eve");
  const next = await copy.commitAndPush({ "a/a.yaml": configMap("a", "2") });
  await scenario.waitForStatus("a", "to differ", ({ sync }) => sync?.status === "OutOfSync" && sync.revision === next);
  await scenario.waitForSynced("a", next, 15_000);
  assert.equal(await tiphys("app hold --list -o json"), "[]\n");
});

test("drift is healed at what was synced last, while new revisions wait for a person", { skip }, async () => {
  const value = async () =>
    ((await scenario.find("configmap", "healed")) as { data?: { value?: string } })?.data?.value;
  const tiphys = (line: string) => scenario.engine.cli(line.split(" "));
  await scenario.waitForStatus("healed", "to be compared", ({ sync }) => sync?.status === "OutOfSync");
  assert.match(
    (await tiphys("app why healed")).stdout,
    /waits for revision since 20\S+Z: \[[0-9a-f]{40}\] waits for a person/,
  );
  assert.equal((await tiphys("app sync healed --timeout 30")).code, 0);
  await scenario.waitForSynced("healed");
  const copy = await scenario.clone("healed");
  const second = await copy.commitAndPush({ "a.yaml": configMap("healed", "second") });
  await scenario.waitForStatus(
    "healed",
    "to differ",
    ({ sync }) => sync?.revision === second && sync.status === "OutOfSync",
  );
  await scenario.kubectl(["delete", "configmap", "healed"]);
  await waitFor("the object to be back", async () => (await value()) === "first", 15_000);
  await scenario.kubectl(["patch", "configmap", "healed", "-p", '{"data":{"value":"by hand"}}']);
  await waitFor("the change to be undone", async () => (await value()) === "first", 15_000);
  assert.match(
    (await tiphys("app why healed")).stdout,
    new RegExp(`waits for revision since 20\\S+Z: \\[${second}\\] waits`),
  );
  assert.equal((await tiphys("app sync healed --timeout 30")).code, 0);
  await scenario.waitForSynced("healed", second);
  assert.equal(await value(), "second");
});

test("drift is only reported where on-drift says so, also after a commit that changes nothing here", {
  skip,
}, async () => {
  await scenario.waitForSynced("told");
  const commit = await (await scenario.clone("told")).commitAndPush({ "other/a.yaml": configMap("other", "1") });
  await scenario.waitForSynced("told", commit);
  await scenario.kubectl(["patch", "configmap", "told", "-p", '{"data":{"value":"by hand"}}']);
  await scenario.waitForStatus("told", "to differ", ({ sync }) => sync?.status === "OutOfSync");
  const { stdout } = await scenario.engine.cli(["app", "why", "told"]);
  assert.match(stdout, /waits for drift since 20\S+Z: this state was synced already, and self-heal is not enabled/);
  assert.equal((await scenario.status("told")).history?.length, 1);
});
