import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { ensureCertificate } from "../../src/local/certificate.ts";
import { kubeconfigText } from "../../src/local/kubeconfig.ts";
import { serveControlPlane } from "../../src/local/serve.ts";
import { adminToken, openTestPlane } from "../harness/control-plane.ts";
import { kubectl, kubectlMissing } from "../harness/kubectl.ts";
import { waitFor } from "../harness/wait.ts";

const skip = kubectlMissing() ?? false;

interface Command {
  readonly args: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default 0. */
  readonly code?: number;
  readonly out?: string | RegExp;
  readonly error?: RegExp;
}

const labels = { app: "w" };
const deployment = (image: string, replicas: number, annotations: object = {}): string =>
  JSON.stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "w" },
    spec: {
      replicas,
      progressDeadlineSeconds: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels, annotations }, spec: { containers: [{ name: "w", image }] } },
    },
  });
const service = JSON.stringify({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "w" },
  spec: { ports: [{ port: 80 }] },
});
const job = JSON.stringify({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name: "j" },
  spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "j", image: "j" }] } } },
});

/** In this order: later commands see what earlier ones did. */
const commands: readonly Command[] = [
  { args: "apply -f -", input: deployment("w:1", 2), out: "deployment.apps/w created\n" },
  { args: "rollout status deployment/w", out: /deployment "w" successfully rolled out\n$/ },
  { args: "apply -f -", input: deployment("w:1", 2), out: "deployment.apps/w unchanged\n" },
  { args: "get deployment w -o jsonpath={.status.availableReplicas}", out: "2" },
  { args: "get pods -l tiphys.io/simulated=true -o name", out: /^pod\/w-[a-z0-9]+-\w{5}\npod\/w-[a-z0-9]+-\w{5}\n$/ },
  { args: "wait --for=condition=Available deployment/w", out: /condition met\n$/ },
  { args: "scale deployment w --replicas=3", out: "deployment.apps/w scaled\n" },
  { args: "rollout status deployment/w", out: /successfully rolled out/ },
  { args: "scale deployment w --current-replicas=9 --replicas=1", code: 1, error: /Expected replicas to be 9, was 3/ },
  {
    args: "apply --server-side --field-manager=me -f -",
    input: deployment("w:1", 5),
    code: 1,
    error:
      /Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps\/v1: \.spec\.replicas/,
  },
  {
    args: "apply --server-side --field-manager=me --force-conflicts -f -",
    input: deployment("w:1", 1),
    out: "deployment.apps/w serverside-applied\n",
  },
  { args: "get deployment w -o jsonpath={.spec.replicas}", out: "1" },
  { args: "set image deployment/w w=w:2", out: "deployment.apps/w image updated\n" },
  { args: "rollout status deployment/w", out: /^Waiting for deployment[\s\S]*successfully rolled out\n$/ },
  { args: "rollout history deployment/w", out: /^1 +<none>\n2 +<none>$/m },
  { args: "rollout undo deployment/w", out: "deployment.apps/w rolled back\n" },
  { args: "rollout status deployment/w", out: /successfully rolled out/ },
  { args: "get deployment w -o jsonpath={.spec.template.spec.containers[0].image}", out: "w:1" },
  {
    args: `patch deployment w -p {"spec":{"template":{"spec":{"containers":[{"name":"w","image":"w:3"}]}}}}`,
    out: "deployment.apps/w patched\n",
  },
  { args: "edit deployment w", env: { KUBE_EDITOR: "sed -i s/w:3/w:4/" }, out: "deployment.apps/w edited\n" },
  { args: "rollout restart deployment/w", out: "deployment.apps/w restarted\n" },
  { args: "rollout status deployment/w", out: /successfully rolled out/ },
  {
    args: "apply --server-side --field-manager=me --force-conflicts -f -",
    input: deployment("w:5", 1, { "tiphys.io/simulate-outcome": "hang" }),
    out: "deployment.apps/w serverside-applied\n",
  },
  { args: "rollout status deployment/w", code: 1, error: /exceeded its progress deadline/ },
  { args: "apply -f -", input: service, out: "service/w created\n" },
  { args: "get service w -o jsonpath={.spec.clusterIP}", out: /^10\.\d+\.\d+\.\d+$/ },
  { args: "apply -f -", input: job, out: "job.batch/j created\n" },
  { args: "wait --for=condition=Complete job/j --timeout=20s", out: /condition met\n$/ },
  { args: "delete job j", out: 'job.batch "j" deleted\n' },
  { args: "delete deployment w --cascade=foreground", out: 'deployment.apps "w" deleted\n' },
  { args: "get pods,replicasets -o name", out: "" },
];

async function openCluster() {
  const stack = new AsyncDisposableStack();
  const { directory, plane, client } = stack.use(await openTestPlane({ simulate: true }));
  const certificate = await ensureCertificate(directory, systemClock);
  const options = { plane, port: 0, host: "127.0.0.1", certificate, log: silentLogger };
  const { url } = stack.use(await serveControlPlane(options));
  const kubeconfig = join(directory, "kubeconfig");
  await writeFile(kubeconfig, kubeconfigText({ url, caPem: certificate.cert, token: adminToken, name: "tiphys" }), {
    mode: 0o600,
  });
  return { kubeconfig, directory, client, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test("the real kubectl works with simulated workloads", { skip, timeout: 120_000 }, async (context) => {
  await using cluster = await openCluster();
  for (const { args, input, env, code = 0, out, error } of commands) {
    await context.test(`kubectl ${args}`, async () => {
      const options = { ...(input === undefined ? {} : { input }), ...(env === undefined ? {} : { env }) };
      const result = await kubectl(cluster.kubeconfig, args.split(" "), options);
      assert.equal(result.code, code, result.stderr);
      if (typeof out === "string") assert.equal(result.stdout, out);
      else if (out !== undefined) assert.match(result.stdout, out);
      if (error !== undefined) assert.match(result.stderr, error);
    });
  }
});

test("kubectl get -w shows a rollout step by step", { skip, timeout: 30_000 }, async () => {
  await using cluster = await openCluster();
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
