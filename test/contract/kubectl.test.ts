import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type KubectlResult, kubectl, kubectlMissing } from "../harness/kubectl.ts";
import { openServedPlane } from "../harness/served-plane.ts";
import { waitFor } from "../harness/wait.ts";
import { basics } from "./kubectl-basics.ts";
import type { Command } from "./kubectl-command.ts";
import { kinds } from "./kubectl-kinds.ts";
import { deployment, workloads } from "./kubectl-workloads.ts";

const skip = kubectlMissing() ?? false;

async function runAll(context: TestContext, kubeconfig: string, commands: readonly Command[]): Promise<void> {
  for (const command of commands) {
    await context.test(`kubectl ${command.args}`, async () => {
      const { args, list, input, env } = command;
      const options = { ...(input === undefined ? {} : { input }), ...(env === undefined ? {} : { env }) };
      checkAnswer(command, await kubectl(kubeconfig, list ?? args.split(" "), options));
    });
  }
}

function checkAnswer({ code = 0, out, error }: Command, result: KubectlResult): void {
  assert.equal(result.code, code, result.stderr);
  if (typeof out === "string") assert.equal(result.stdout, out);
  else if (out !== undefined) assert.match(result.stdout, out);
  if (error !== undefined) assert.match(result.stderr, error);
}

test("the table holds what was promised", () => {
  assert.ok(basics.length + workloads.length + kinds.length >= 120);
});

test("the real kubectl gets the answers of a real cluster", { skip, timeout: 120_000 }, async (context) => {
  await using cluster = await openServedPlane();
  await runAll(context, cluster.kubeconfig, basics);
});

test("the real kubectl works with simulated workloads", { skip, timeout: 120_000 }, async (context) => {
  await using cluster = await openServedPlane({ simulate: true });
  await runAll(context, cluster.kubeconfig, workloads);
});

test("the real kubectl works with all kinds, roles and bad input", { skip, timeout: 180_000 }, async (context) => {
  await using cluster = await openServedPlane({ simulate: true });
  await runAll(context, cluster.kubeconfig, kinds);
});

test("kubectl get -w shows changes as they come", { skip, timeout: 30_000 }, async () => {
  await using cluster = await openServedPlane();
  const output = join(cluster.directory, "watch.txt");
  const command = `exec kubectl --kubeconfig ${cluster.kubeconfig} --cache-dir ${cluster.directory}/kube-cache get cm -w -o name > ${output}`;
  const child = spawn("sh", ["-c", command], {
    env: { PATH: process.env.PATH, HOME: cluster.directory },
    stdio: "ignore",
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const lines = async (): Promise<string[]> =>
    (await readFile(output, "utf8").catch(() => "")).split("\n").slice(0, -1);
  try {
    await cluster.client.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "first" } });
    await waitFor("the first line", async () => (await lines()).includes("configmap/first"));
    await cluster.client.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "second" } });
    await waitFor("the second line", async () => (await lines()).includes("configmap/second"));
  } finally {
    child.kill("SIGTERM");
    await exited;
  }
});

test("kubectl get -w shows a rollout step by step", { skip, timeout: 30_000 }, async () => {
  await using cluster = await openServedPlane({ simulate: true });
  const output = join(cluster.directory, "watch.txt");
  const columns = "custom-columns=R:.status.replicas,A:.status.availableReplicas";
  const command = `exec kubectl --kubeconfig ${cluster.kubeconfig} --cache-dir ${cluster.directory}/kube-cache get deploy -w --no-headers -o ${columns} > ${output}`;
  const child = spawn("sh", ["-c", command], {
    env: { PATH: process.env.PATH, HOME: cluster.directory },
    stdio: "ignore",
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const lines = async (): Promise<string[]> =>
    (await readFile(output, "utf8").catch(() => "")).split("\n").map((line) => line.replace(/ +/g, " ").trim());
  try {
    await cluster.client.create({ ...JSON.parse(deployment("w:1", 1)), metadata: { name: "w", namespace: "default" } });
    const seen = await waitFor("the last step", async () => {
      const all = await lines();
      return all.includes("1 1") && all;
    });
    assert.ok(seen.indexOf("1 <none>") < seen.indexOf("1 1"), seen.join("|"));
  } finally {
    child.kill("SIGTERM");
    await exited;
  }
});
