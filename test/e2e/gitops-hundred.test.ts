import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { readMetric } from "../harness/metrics.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();

const names = Array.from({ length: 100 }, (_, n) => `app-${String(n).padStart(2, "0")}`);
const [first = "", ...others] = names;
const finalizers = ["resources-finalizer.argocd.argoproj.io"];
/** A thousand are in `test/controllers/applications/application-bursts.test.ts`. */
const drifts = 300;
/** Where nothing changes for about so long, a burst is over: on a busy machine it has pauses. */
const pauseMs = 800;
const fields = ["metadata.name", "status.sync", "status.health", "status.operationState.phase"];
const listPath = `/api/v1/applications?fields=${fields.map((field) => `items.${field}`).join()}`;

interface Listed {
  readonly metadata: { readonly name: string };
  readonly status?: {
    readonly sync?: { readonly status: string; readonly revision: string };
    readonly health?: { readonly status: string };
    readonly operationState?: { readonly phase: string };
  };
}

test("100 Applications of one repository: installed, one and all changed, a burst of drifts, deleted", {
  skip: kubectlMissing() ?? false,
}, async () => {
  const filesOf = (some: readonly string[], value: string) =>
    Object.fromEntries(some.map((name) => [`${name}/a.yaml`, configMap(name, value)]));
  await using scenario = await GitOpsScenario.start({
    repositories: { shop: filesOf(names, "0") },
    manifests: (urlOf) =>
      names.map((name) => {
        // Nobody heals the first one, so that only the looks at it count; metrics tell it apart by its destination.
        const annotations = name === first ? { "tiphys.io/on-drift": "report" } : {};
        const there = name === first ? { name: "in-cluster" } : { server: "https://kubernetes.default.svc" };
        const destination = { ...there, namespace: "default" };
        const fields = { source: { repoURL: urlOf("shop"), path: name }, destination };
        return application(name, urlOf("shop"), fields, { annotations, labels: { team: "shop" }, finalizers });
      }),
  });
  const { engine } = scenario;
  /** Not without a pause: the engine would be busy with answers. */
  const list = async (): Promise<readonly Listed[]> => {
    await sleep(200);
    return ((await (await engine.api(listPath)).json()) as { items: Listed[] | null }).items ?? [];
  };
  const allAt = (what: string, commit?: string): Promise<unknown> => {
    const isThere = ({ status: { sync, health, operationState } = {} }: Listed): boolean =>
      sync?.status === "Synced" &&
      health?.status === "Healthy" &&
      operationState?.phase === "Succeeded" &&
      (commit === undefined || sync.revision === commit);
    return waitFor(what, async () => (await list()).filter(isThere).length === names.length, 60_000);
  };
  const counts = async (): Promise<readonly [fetches: number, renders: number]> => [
    await readMetric(engine, "argocd_git_request_total", { request_type: "fetch" }),
    await readMetric(engine, "tiphys_renders_total"),
  ];
  /** Fetches and renders of what a push leads to. */
  const pushed = async (some: readonly string[], value: string): Promise<readonly number[]> => {
    const before = await counts();
    await allAt(`${some.length} changed`, await copy.commitAndPush(filesOf(some, value)));
    return (await counts()).map((count, index) => count - (before[index] ?? 0));
  };

  await allAt("all installed");
  const copy = await scenario.clone("shop");
  assert.equal((await pushed([others[0] ?? ""], "1"))[1], 1);

  const looks = (): Promise<number> => readMetric(engine, "argocd_app_reconcile_count", { dest_server: "" });
  const before = await looks();
  const query = `name=${first}&resourceName=${first}&kind=ConfigMap&version=v1&namespace=default&patchType=application%2Fmerge-patch%2Bjson`;
  const numbers = Array.from({ length: drifts }, (_, n) => n).values();
  let [pauses, lastMs] = [0, performance.now()];
  const drift = async (): Promise<void> => {
    for (const n of numbers) {
      const body = JSON.stringify(JSON.stringify({ data: { value: `drift ${n}` } }));
      const headers = { "content-type": "application/json" };
      const init = { method: "POST", headers, body };
      const answer = await engine.api(`/api/v1/applications/${first}/resource?${query}`, init);
      assert.equal(answer.status, 200, await answer.text());
      const now = performance.now();
      if (now - lastMs > pauseMs) pauses += 1;
      lastMs = now;
    }
  };
  await Promise.all(Array.from({ length: 16 }, drift));
  await scenario.waitForStatus(first, "to differ", ({ sync }) => sync?.status === "OutOfSync");
  const shown = await scenario.engine.cli(["app", "diff", first]);
  assert.equal(shown.code, 1, shown.stderr);
  const more = (await looks()) - before;
  assert.ok(more <= 2 + pauses, `${drifts} drifts with ${pauses} pauses: ${more} looks`);

  assert.deepEqual(await pushed(names, "2"), [1, names.length]);

  await scenario.kubectl("delete application -n argocd -l team=shop --wait=false".split(" "));
  await waitFor("all to be gone", async () => (await list()).length === 0, 60_000);
  const left = await scenario.list("configmap");
  assert.deepEqual(
    left.filter(({ metadata: { name } }) => names.includes(name)),
    [],
  );
});
