import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { EventBus } from "../../src/events/bus/bus.ts";
import { openJetStreamBus } from "../../src/events/bus/jetstream.ts";
import { openSqliteBus } from "../../src/events/bus/sqlite.ts";
import { systemStreams } from "../../src/events/bus/streams.ts";
import { rawSubject } from "../../src/record/subject.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";
import { type BusUnderTest, buses } from "./scenario.ts";

failOnLeakedChildren();

function start({ args }: BusUnderTest): Promise<GitOpsScenario> {
  return GitOpsScenario.start({
    args,
    repositories: { shop: { "settings.yaml": configMap("settings", "0") } },
    manifests: (urlOf) => [application("shop", urlOf("shop"))],
  });
}

const settings = (value: number) => ({ "settings.yaml": configMap("settings", String(value)) });

async function storedValue(scenario: GitOpsScenario): Promise<string> {
  return scenario.kubectl(["get", "configmap", "settings", "-n", "default", "-o", "jsonpath={.data.value}"]);
}

/** The id of its event. */
function newestPush(scenario: GitOpsScenario): Promise<string> {
  return waitFor("a push's event", async () => {
    const { stdout } = await scenario.engine.cli(["event", "list", "-o", "name"]);
    return /^[0-9a-f-]{36}$/m.exec(stdout)?.[0];
  });
}

/** Asks the repository again and compares; resolves once that is done. */
async function refresh(scenario: GitOpsScenario): Promise<void> {
  const { code, stderr } = await scenario.engine.cli(["app", "get", "shop", "--refresh"]);
  assert.equal(code, 0, stderr);
}

for (const bus of buses) {
  describe(`pushes on the ${bus.name}`, { skip: bus.skip ?? kubectlMissing() }, () => {
    test("many at once end at the newest, and what Git says counts, also when it goes back", async () => {
      await using driver = await bus.start();
      await using scenario = await start(driver);
      const { sync: { revision: first = "" } = {} } = await scenario.waitForSynced("shop");
      const copy = await scenario.clone("shop");
      let commit = first;
      for (let value = 1; value <= 5; value++) commit = await copy.commitAndPush(settings(value));
      await scenario.waitForSynced("shop", commit);
      assert.equal(await storedValue(scenario), "5");

      await copy.push("--force", "origin", `${first}:refs/heads/main`);
      await scenario.waitForSynced("shop", first);
      assert.equal(await storedValue(scenario), "0");

      const other = await scenario.clone("shop", "other");
      const ours = await copy.commit(settings(6));
      const theirs = await other.commit(settings(7));
      // Git itself refuses one of them when both are taken at the same moment.
      const pushes = await Promise.allSettled([
        copy.push("--force", "origin", "HEAD:refs/heads/main"),
        other.push("--force", "origin", "HEAD:refs/heads/main"),
      ]);
      const tip = (await copy.git("ls-remote", "origin", "refs/heads/main")).slice(0, 40);
      assert.ok(pushes.some(({ status }) => status === "fulfilled"));
      assert.ok([ours, theirs].includes(tip));
      await scenario.waitForSynced("shop", tip);
      assert.equal(await storedValue(scenario), tip === ours ? "6" : "7");
    });

    test("of another branch change nothing, and `why` says so", async () => {
      await using driver = await bus.start();
      await using scenario = await start(driver);
      await scenario.waitForSynced("shop");
      await refresh(scenario);
      const before = await scenario.find("application", "shop", "argocd");
      const copy = await scenario.clone("shop");
      await copy.git("checkout", "--quiet", "-b", "feature");
      await copy.commitAndPush(settings(1));
      const id = await newestPush(scenario);
      const { stdout } = await scenario.engine.cli(["why", id]);
      assert.match(stdout, /^Application argocd\/shop\n {2}dependency push rejected: .*isDefaultBranch is false/m);
      assert.equal(await storedValue(scenario), "0");
      const after = await scenario.find("application", "shop", "argocd");
      assert.equal(after?.metadata.resourceVersion, before?.metadata.resourceVersion);
    });

    test("before a kill -9 are followed after the restart, and what was stored before does not roll back", async () => {
      await using driver = await bus.start();
      await using scenario = await start(driver);
      const { sync: { revision: first = "" } = {} } = await scenario.waitForSynced("shop");
      const copy = await scenario.clone("shop");
      await copy.commitAndPush(settings(1));
      await copy.commitAndPush(settings(2));
      await copy.push("--force", "origin", `${first}:refs/heads/main`);
      const newest = await copy.commit(settings(3));
      await copy.push();
      await scenario.engine.kill9();
      await scenario.restart();
      await scenario.waitForSynced("shop", newest);
      assert.equal(await storedValue(scenario), "3");

      const before = await scenario.find("configmap", "settings");
      const syncs = (await scenario.status("shop")).history?.length;
      await scenario.engine.kill9();
      await scenario.restart();
      await refresh(scenario);
      await scenario.waitForSynced("shop", newest);
      assert.equal(
        (await scenario.find("configmap", "settings"))?.metadata.resourceVersion,
        before?.metadata.resourceVersion,
      );
      assert.equal((await scenario.status("shop")).history?.length, syncs);
    });

    test("that remove a file remove its object, unless it says not to", async () => {
      await using driver = await bus.start();
      await using scenario = await GitOpsScenario.start({
        args: driver.args,
        repositories: {
          shop: {
            "settings.yaml": configMap("settings", "0"),
            "gone.yaml": configMap("gone", "0"),
            "kept.yaml": configMap("kept", "0", { "argocd.argoproj.io/sync-options": "Prune=false" }),
          },
        },
        // Without self-heal, which would try again and again to prune what is to be kept.
        manifests: (urlOf) => [application("shop", urlOf("shop"), { syncPolicy: { automated: { prune: true } } })],
      });
      await scenario.waitForSynced("shop");
      const copy = await scenario.clone("shop");
      const commit = await copy.commitAndPush({ "gone.yaml": undefined, "kept.yaml": undefined });
      await waitFor("the object to be pruned", async () => (await scenario.find("configmap", "gone")) === undefined);
      const { operationState } = await scenario.waitForStatus(
        "shop",
        "synced",
        ({ operationState: state }) => state?.phase === "Succeeded" && state.syncResult?.revision === commit,
      );
      const messages = operationState?.syncResult?.resources?.map(({ name, message }) => `${name}: ${message}`) ?? [];
      assert.deepEqual(messages.filter((text) => !text.startsWith("settings")).toSorted(), [
        "gone: pruned",
        "kept: ignored (no prune)",
      ]);
      assert.ok(await scenario.find("configmap", "kept"));
      assert.ok(await scenario.find("configmap", "settings"));
      assert.equal((await scenario.status("shop")).sync?.status, "OutOfSync"); // what is kept should not be there
    });

    test("an Application with the finalizer takes its objects with it, one without leaves them", async () => {
      await using driver = await bus.start();
      const metadata = { finalizers: ["resources-finalizer.argocd.argoproj.io"] };
      await using scenario = await GitOpsScenario.start({
        args: driver.args,
        repositories: { a: { "a.yaml": configMap("a", "0") }, b: { "b.yaml": configMap("b", "0") } },
        manifests: (urlOf) => [application("a", urlOf("a"), {}, metadata), application("b", urlOf("b"))],
      });
      await scenario.waitForSynced("a");
      await scenario.waitForSynced("b");
      await scenario.kubectl(["delete", "application", "a", "b", "-n", "argocd", "--timeout=10s"]);
      assert.equal(await scenario.find("application", "a", "argocd"), undefined);
      assert.equal(await scenario.find("configmap", "a"), undefined, "the Application went before its object");
      assert.ok(await scenario.find("configmap", "b"));
    });
  });
}

/** The bus behind an engine; the embedded one belongs to one process, so its engine is killed. */
async function openBus({ args: [, servers] }: BusUnderTest, { engine }: GitOpsScenario): Promise<EventBus> {
  const [streams, log] = [systemStreams(), silentLogger];
  if (servers !== undefined) return openJetStreamBus({ servers, streams, log, clock: systemClock, name: "replay" });
  await engine.kill9();
  return openSqliteBus({ path: join(engine.dataDir, "bus.db"), streams, log });
}

/** Stores every request for Applications once more, in their order; gives how many. */
async function replayRequests(bus: EventBus): Promise<number> {
  const signal = AbortSignal.timeout(10_000);
  const query = { subjects: [rawSubject("reconcile.>")], from: "first" as const, follow: false };
  let count = 0;
  for await (const { messages } of bus.read(query, signal)) {
    for (const { subject, data } of messages) {
      await bus.publish(subject, { id: `replayed ${++count}`, data });
    }
  }
  return count;
}

for (const bus of buses) {
  const skip = bus.skip ?? kubectlMissing();
  test(`requests of pushes that are stored again do not roll back (${bus.name})`, { skip }, async () => {
    await using driver = await bus.start();
    await using scenario = await start(driver);
    await scenario.waitForSynced("shop");
    const copy = await scenario.clone("shop");
    let commit = "";
    for (let value = 1; value <= 3; value++) {
      commit = await copy.commitAndPush(settings(value));
      await scenario.waitForSynced("shop", commit);
    }
    const before = await scenario.find("configmap", "settings");
    const syncs = (await scenario.status("shop")).history?.length;
    const pushed = await newestPush(scenario);
    {
      await using opened = await openBus(driver, scenario);
      assert.ok((await replayRequests(opened)) >= 3);
    }
    if (driver.args.length === 0) await scenario.restart();
    const decisions = async (): Promise<number> => {
      const { stdout } = await scenario.engine.cli(["trace", pushed]);
      // Merged with another reason that came first, a push is not the one that is named.
      return stdout.split("\n").filter((line) => line.includes("fired reconcile: ")).length;
    };
    await waitFor("a decision about the replayed pushes", async () => (await decisions()) > 1);
    await refresh(scenario);
    const { history } = await scenario.waitForSynced("shop", commit);
    assert.equal(history?.length, syncs);
    const after = await scenario.find("configmap", "settings");
    assert.equal(after?.metadata.resourceVersion, before?.metadata.resourceVersion);
  });
}
