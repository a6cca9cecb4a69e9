import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApplicationStatus } from "../../src/api/application-types.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario, type RepositoryFiles, type WorkingCopy } from "./gitops-scenario.ts";

failOnLeakedChildren();

interface Found {
  readonly status: ApplicationStatus;
  readonly operation?: { readonly sync?: { readonly resources?: readonly unknown[] } };
}

/** What a row may use: HTTP, git and the command line. */
interface World {
  readonly copy: WorkingCopy;
  tiphys(line: string, code?: number): Promise<string>;
  find(name: string): Promise<Found>;
  /** The Application once `isSo` holds. */
  until(name: string, what: string, isSo: (found: Found) => boolean): Promise<Found>;
}

/** A row of the table of spec argo-cd-engine 2.7. */
interface Row {
  readonly row: string;
  /** Also the folder of its files. */
  readonly name: string;
  /** Whether its repository gets no commits: any commit is a reason to sync. */
  readonly isQuiet?: true;
  readonly policy: object;
  readonly files?: RepositoryFiles;
  readonly metadata?: object;
  check(world: World, name: string): Promise<void>;
}

const hangingHook = {
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: {
    name: "hook",
    annotations: { "argocd.argoproj.io/hook": "PreSync", "tiphys.io/simulate-outcome": "hang" },
  },
  spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "busybox" }] } } },
};
const isSynced = ({ status: { sync, operationState } }: Found): boolean =>
  sync?.status === "Synced" && operationState?.phase === "Succeeded";
const isDifferent = ({ status: { sync } }: Found): boolean => sync?.status === "OutOfSync";
const message = ({ status: { conditions = [] } }: Found): string =>
  conditions.find(({ type }) => type === "SyncError")?.message ?? "";
const patched = (name: string, value: string): string =>
  `app patch-resource ${name} --kind ConfigMap --resource-name ${name} --patch {"data":{"value":"${value}"}}`;

/** It was looked at, which changed nothing: no operation is there, and the last one is the same. */
async function nothingHappens({ find, tiphys }: World, name: string): Promise<void> {
  const before = (await find(name)).status.operationState;
  await tiphys(`app get ${name} --refresh`);
  const { operation, status } = await find(name);
  assert.deepEqual([operation, status.operationState], [undefined, before]);
}

const rows: readonly Row[] = [
  {
    row: "automated sync is not enabled",
    name: "manual",
    policy: {},
    async check(world, name) {
      await world.until(name, "to differ", isDifferent);
      await nothingHappens(world, name);
      assert.match(await world.tiphys(`app why ${name}`), /waits for manual/);
    },
  },
  {
    row: "an operation is set",
    name: "busy",
    policy: { automated: {} },
    files: { "hook.yaml": hangingHook },
    async check({ until, copy, tiphys }, name) {
      const first = await until(name, "to run its hook", ({ status }) =>
        /waiting for completion of hook/.test(status.operationState?.message ?? ""),
      );
      const newer = await copy.commitAndPush({ [`${name}/a.yaml`]: configMap(name, "1") });
      const now = await until(name, "to see the newer commit", ({ status }) => status.sync?.revision === newer);
      assert.equal(now.status.operationState?.startedAt, first.status.operationState?.startedAt, "no other began");
      assert.match(await tiphys(`app why ${name}`), /waits for hook since 20\S+Z: [\s\S]*waits for newer-revision: /);
      await copy.commitAndPush({ [`${name}/hook.yaml`]: undefined });
      await tiphys(`app terminate-op ${name}`);
      await until(name, "to be synced after it ended", isSynced);
    },
  },
  {
    row: "the Application is being deleted",
    name: "going",
    policy: { automated: {} },
    metadata: { finalizers: ["example.com/wait"] },
    async check({ until, copy, tiphys, find }, name) {
      await until(name, "to be synced", isSynced);
      await tiphys(`app delete ${name} --cascade=false --yes`);
      await copy.commitAndPush({ [`${name}/a.yaml`]: configMap(name, "1") });
      await copy.commitAndPush({ "web/a.yaml": configMap("web", "looked") });
      await until("web", "to be synced meanwhile", isSynced);
      assert.equal((await find(name)).status.history?.length, 1);
      assert.match(await tiphys(`app why ${name}`), /waits for deletion since 20\S+Z: it is being deleted/);
      await tiphys(`app patch ${name} --type merge --patch {"metadata":{"finalizers":null}}`);
    },
  },
  {
    row: "nothing differs",
    name: "same",
    policy: { automated: { prune: true, selfHeal: true } },
    async check(world, name) {
      await world.until(name, "to be synced", isSynced);
      await nothingHappens(world, name);
    },
  },
  {
    row: "all that differs would be pruned, and pruning is off",
    name: "surplus",
    policy: { automated: {} },
    files: { "b.yaml": configMap("surplus-b", "0") },
    async check(world, name) {
      await world.until(name, "to be synced", isSynced);
      await world.copy.commitAndPush({ [`${name}/b.yaml`]: undefined });
      await world.until(name, "to differ", isDifferent);
      await nothingHappens(world, name);
      assert.match(await world.tiphys(`app why ${name}`), /waits for prune/);
    },
  },
  {
    row: "the last attempt at this state failed",
    name: "failed",
    policy: { automated: {}, retry: { limit: 0 } },
    files: { "b.yaml": configMap("No Name", "0") },
    async check(world, name) {
      await world.until(name, "to say so", (found) =>
        /^Failed last sync attempt to \[[0-9a-f]{40}\]: /.test(message(found)),
      );
      await nothingHappens(world, name);
      await world.copy.commitAndPush({ [`${name}/b.yaml`]: configMap("a-name", "0") });
      const mended = await world.until(name, "to be synced at the next revision", isSynced);
      assert.equal(message(mended), "");
    },
  },
  {
    row: "it succeeded, and self-heal is off",
    name: "unhealed",
    isQuiet: true,
    policy: { automated: { prune: true } },
    async check(world, name) {
      await world.until(name, "to be synced", isSynced);
      await world.tiphys(patched(name, "by hand"));
      await world.until(name, "to differ", isDifferent);
      await nothingHappens(world, name);
      assert.match(await world.tiphys(`app why ${name}`), /waits for drift/);
    },
  },
  {
    row: "it succeeded, self-heal is on: at once, then with back-off",
    name: "healed",
    isQuiet: true,
    policy: { automated: { selfHeal: true } },
    async check(world, name) {
      await world.until(name, "to be synced", isSynced);
      await world.tiphys(patched(name, "by hand"));
      const first = await world.until(name, "to be healed", (found) => isSynced(found) && attempts(found) === 1);
      assert.equal(first.status.history?.length, 1, "a self-heal is not kept in the history");
      await world.tiphys(patched(name, "again"));
      await world.until(name, "to be healed again", (found) => isSynced(found) && attempts(found) === 2);
      await world.tiphys(patched(name, "once more")); // now it waits for six seconds, longer than asking takes
      await world.until(name, "to differ, since it waits", isDifferent);
      assert.match(
        await world.tiphys(`app why ${name}`),
        /waits for self-heal since 20\S+Z until 20\S+Z: self-heal tried 2 times/,
      );
    },
  },
  {
    row: "everything would be pruned, and that is not allowed",
    name: "wiped",
    policy: { automated: { prune: true } },
    async check(world, name) {
      await world.until(name, "to be synced", isSynced);
      await world.copy.commitAndPush({ [`${name}/a.yaml`]: undefined, [`${name}/README.md`]: "empty" });
      await world.until(name, "to say so", (found) => /auto-sync will wipe out all resources$/.test(message(found)));
      await nothingHappens(world, name);
    },
  },
  {
    row: "else an operation starts",
    name: "web",
    policy: { automated: { prune: true }, syncOptions: ["Validate=false"] },
    async check(world, name) {
      await world.until(name, "to be synced", isSynced);
      const commit = await world.copy.commitAndPush({ [`${name}/a.yaml`]: configMap(name, "last") });
      const { status } = await world.until(
        name,
        "to be synced at the commit",
        (found) => isSynced(found) && found.status.operationState?.syncResult?.revision === commit,
      );
      const { operation } = status.operationState ?? {};
      assert.partialDeepStrictEqual(operation, {
        initiatedBy: { automated: true },
        retry: { limit: 5 },
        sync: { prune: true, revision: commit, syncOptions: ["Validate=false"] },
      });
      assert.match(await world.tiphys(`app why ${name} --not ${commit}`), / deployed: /);
    },
  },
];

function attempts({ status }: Found): number {
  const sync = status.operationState?.operation?.sync as { readonly autoHealAttemptsCount?: number } | undefined;
  return sync?.autoHealAttemptsCount ?? 0;
}

test("automated sync decides as its table says", async (context) => {
  const files = Object.fromEntries(
    rows.flatMap(({ name, files: more = {} }) => [
      [`${name}/a.yaml`, configMap(name, "0")],
      ...Object.entries(more).map(([path, content]) => [`${name}/${path}`, content]),
    ]),
  ) as RepositoryFiles;
  await using scenario = await GitOpsScenario.start({
    repositories: { shop: files, quiet: files },
    manifests: (urlOf) =>
      rows.map(({ name, policy: syncPolicy, metadata, isQuiet }) =>
        application(
          name,
          "",
          { source: { repoURL: urlOf(isQuiet ? "quiet" : "shop"), path: name }, syncPolicy },
          metadata,
        ),
      ),
  });
  const find = async (name: string): Promise<Found> =>
    (await (await scenario.engine.api(`/api/v1/applications/${name}`)).json()) as Found;
  const world: World = {
    copy: await scenario.clone("shop"),
    find,
    async tiphys(line, code = 0) {
      const result = await scenario.engine.cli(line.split(/ (?![^{]*\})/));
      assert.equal(result.code, code, `${line}: ${result.stdout}${result.stderr}`);
      return result.stdout;
    },
    async until(name, what, isSo) {
      let last: Found | undefined;
      const probe = async (): Promise<Found | undefined> => {
        last = await find(name);
        return isSo(last) ? last : undefined;
      };
      return waitFor(`${name} ${what}`, probe, 15_000).catch((error: unknown) => {
        throw new Error(`${String(error)}; it is ${JSON.stringify(last, undefined, 1)}`, { cause: error });
      });
    },
  };
  for (const { row, name, check } of rows) await context.test(row, () => check(world, name));
  await context.test("what became of it is told as Events of Kubernetes", async () => {
    const messages = await waitFor("Events", async () => {
      const list = await (await scenario.engine.api("/api/v1/applications/surplus/events")).json();
      const texts = (list as { items: { reason: string; message: string }[] }).items.map(
        ({ reason, message: text }) => `${reason}: ${text.replace(/[0-9a-f]{40}/, "<commit>")}`,
      );
      return texts.some((text) => text.endsWith("Synced -> OutOfSync")) ? texts : undefined;
    });
    for (const text of [
      "OperationStarted: Initiated automated sync to '<commit>'",
      "OperationCompleted: Sync operation to <commit> succeeded",
      "ResourceUpdated: Updated sync status: OutOfSync -> Synced",
      "ResourceUpdated: Updated health status: Missing -> Healthy",
    ]) {
      assert.equal(messages.filter((one) => one === text).length, 1, `${text} among ${messages.join("\n")}`);
    }
  });
});
