import assert from "node:assert/strict";
import { test } from "node:test";
import { startDoor } from "../gitops/source/door.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();

/** Undefined: the connection breaks in the middle of the answer. */
type Change = (path: string, answer: Buffer) => Buffer | undefined;

const isPack = (path: string, answer: Buffer): boolean => path.endsWith("/git-upload-pack") && answer.includes("PACK");

const wrong: Readonly<Record<string, readonly [Change, RegExp]>> = {
  page: [() => Buffer.from("<html>please log in</html>"), /failed to fetch ".*\/demo\.git": /],
  cut: [(path, answer) => (isPack(path, answer) ? undefined : answer), /failed to fetch ".*\/demo\.git": /],
  short: [
    (path, answer) => (isPack(path, answer) ? answer.subarray(0, -40) : answer),
    /failed to fetch ".*\/demo\.git": /,
  ],
  empty: [(path) => (path.endsWith("/git-upload-pack") ? Buffer.alloc(0) : undefined), /demo\.git|'main'/],
};

/** What a server says that lost everything. */
const lost: Change = (path, answer) => (path.endsWith("/git-upload-pack") ? Buffer.from("0000") : answer);

test("Git servers that cut off, lie and lose everything cost their own Applications a condition, and no object", {
  skip: kubectlMissing(),
}, async () => {
  await using stack = new AsyncDisposableStack();
  let isWrong = true;
  const urls = new Map<string, string>();
  for (const [name, [change]] of Object.entries(wrong)) {
    const files = { "a.yaml": JSON.stringify(configMap(name, "0")) };
    const door = await startDoor(
      () => true,
      undefined,
      files,
      (path, answer) => (isWrong ? change(path, answer) : answer),
    );
    urls.set(name, stack.use(door).url);
  }
  let isLost = false;
  const forgetful = stack.use(
    await startDoor(
      () => true,
      undefined,
      { "a.yaml": JSON.stringify(configMap("forgetful", "0")) },
      (path, answer) => (isLost ? lost(path, answer) : answer),
    ),
  );
  urls.set("forgetful", forgetful.url);
  await using scenario = await GitOpsScenario.start({
    repositories: { good: { "a.yaml": configMap("good", "0") } },
    manifests: (urlOf) => [
      ...[...urls].map(([name, url]) => application(name, url)),
      application("zz-good", urlOf("good")),
    ],
  });
  await scenario.waitForSynced("zz-good");
  await scenario.waitForSynced("forgetful");
  for (const [name, [, message]] of Object.entries(wrong)) {
    const { conditions = [] } = await scenario.waitForStatus(name, "with a condition", (status) =>
      Boolean(status.conditions?.length),
    );
    const text = conditions.map((one) => `${one.type}: ${one.message}`).join("\n");
    assert.match(
      text,
      /^ComparisonError: Failed to load target state: failed to generate manifest for source 1 of 1: /,
    );
    assert.match(text, message);
  }
  isLost = true;
  const refresh = (name: string): Promise<string> =>
    scenario.kubectl([
      "annotate",
      "application",
      name,
      "-n",
      "argocd",
      "--overwrite",
      "argocd.argoproj.io/refresh=normal",
    ]);
  await refresh("forgetful");
  await scenario.waitForStatus("forgetful", "with a condition", (status) => Boolean(status.conditions?.length));
  assert.ok(await scenario.find("configmap", "forgetful"), "nothing is pruned for a server's sake");
  const copy = await scenario.clone("good");
  await scenario.waitForSynced("zz-good", await copy.commitAndPush({ "a.yaml": configMap("good", "1") }));
  [isWrong, isLost] = [false, false];
  for (const name of urls.keys()) await refresh(name);
  for (const name of urls.keys()) {
    await scenario.waitForStatus(
      name,
      "synced, without a condition",
      ({ sync, conditions = [] }) => sync?.status === "Synced" && conditions.length === 0,
      40_000,
    );
  }
});
