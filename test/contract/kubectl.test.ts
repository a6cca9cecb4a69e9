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
import { adminToken, openTestPlane, widgetDefinition } from "../harness/control-plane.ts";
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

const configMap = (name: string, data: object): string =>
  JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data });
const widget = (size: number): string =>
  JSON.stringify({ apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w" }, spec: { size } });
const definition = JSON.stringify(widgetDefinition);

/** In this order: later commands see what earlier ones did. */
const commands: readonly Command[] = [
  { args: "version", out: /Server Version: v1\.36\.0\+tiphys/ },
  { args: "api-versions", out: /^apps\/v1$/m },
  { args: "api-resources --api-group= -o name", out: /^configmaps$/m },
  { args: "get --raw /readyz", out: "ok" },
  { args: "get namespaces", out: /^NAME +STATUS +AGE\nargocd +Active +\d+s\ndefault +Active +\d+s\n/ },
  { args: "create configmap a --from-literal=x=1 --from-literal=y=2", out: "configmap/a created\n" },
  { args: "create configmap a", code: 1, error: /configmaps "a" already exists/ },
  { args: "create configmap A_", code: 1, error: /a lowercase RFC 1123 subdomain must consist/ },
  { args: "create configmap b -n nope", code: 1, error: /namespaces "nope" not found/ },
  { args: "get configmap a", out: /^NAME +DATA +AGE\na +2 +\d+s\n$/ },
  { args: "get cm a -o jsonpath={.data.x}", out: "1" },
  { args: "get cm a -o yaml", out: /^apiVersion: v1\ndata:\n {2}x: "1"\n/ },
  { args: "get cm nothing", code: 1, error: /^Error from server \(NotFound\): configmaps "nothing" not found\n$/ },
  { args: "get gizmos", code: 1, error: /the server doesn't have a resource type "gizmos"/ },
  { args: "get cm -A", out: /^NAMESPACE +NAME +DATA +AGE\ndefault +a / },
  { args: "create -f -", input: configMap("b", { k: "v" }), out: "configmap/b created\n" },
  { args: "create -f -", input: configMap("b", {}), code: 1, error: /\(AlreadyExists\)/ },
  {
    args: "create -f -",
    input: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"g-"}}',
    out: /^configmap\/g-[a-z0-9]{5} created\n$/,
  },
  {
    args: "create -f - --dry-run=server",
    input: configMap("dry", {}),
    out: "configmap/dry created (server dry run)\n",
  },
  { args: "get cm dry", code: 1, error: /not found/ },
  { args: "apply -f -", input: configMap("c", { k: "1", l: "1" }), out: "configmap/c created\n" },
  { args: "apply -f -", input: configMap("c", { k: "1", l: "1" }), out: "configmap/c unchanged\n" },
  { args: "diff -f -", input: configMap("c", { k: "2" }), code: 1, out: /^\+ {2}k: "2"$/m },
  { args: "apply -f -", input: configMap("c", { k: "2" }), out: "configmap/c configured\n" },
  { args: "get cm c -o jsonpath={.data}", out: '{"k":"2"}' },
  { args: "apply --server-side -f -", input: configMap("s", { k: "1" }), out: "configmap/s serverside-applied\n" },
  { args: "replace -f -", input: configMap("b", { k: "w" }), out: "configmap/b replaced\n" },
  { args: "label cm a team=web", out: "configmap/a labeled\n" },
  { args: "label cm a team=db", code: 1, error: /already has a value/ },
  { args: "get cm -l team=web -o name", out: "configmap/a\n" },
  { args: "get cm --field-selector metadata.name=b -o name", out: "configmap/b\n" },
  { args: "label cm a team-", out: "configmap/a unlabeled\n" },
  { args: "annotate cm a note=hello", out: "configmap/a annotated\n" },
  { args: `patch cm a -p {"data":{"z":"3"}}`, out: "configmap/a patched\n" },
  { args: `patch cm a --type merge -p {"data":{"z":null}}`, out: "configmap/a patched\n" },
  { args: `patch cm a --type json -p [{"op":"remove","path":"/data/none"}]`, code: 1, error: /is invalid/ },
  { args: "edit cm a", env: { EDITOR: "sed -i s/hello/goodbye/" }, out: "configmap/a edited\n" },
  { args: "describe cm a", out: /Annotations: +note: goodbye/ },
  { args: "create secret generic s --from-literal=password=hunter2", out: "secret/s created\n" },
  { args: "get secret s", out: /^NAME +TYPE +DATA +AGE\ns +Opaque +1 +\d+s\n$/ },
  { args: "get secret s -o jsonpath={.data.password}", out: "aHVudGVyMg==" },
  { args: "create namespace shop", out: "namespace/shop created\n" },
  { args: "create serviceaccount web -n shop", out: "serviceaccount/web created\n" },
  { args: "get sa -n shop", out: /^NAME +SECRETS +AGE\nweb +0 +\d+s\n$/ },
  { args: "delete namespace shop", out: 'namespace "shop" deleted\n' },
  { args: "get sa -n shop -o name", out: "" },
  { args: "apply -f -", input: widget(1), code: 1, error: /no matches for kind "Widget" in version "example.com\/v1"/ },
  { args: "apply -f -", input: definition, out: /widgets.example.com created\n$/ },
  { args: "wait --for=condition=Established crd/widgets.example.com", out: /condition met\n$/ },
  { args: "get crd", out: /^NAME +CREATED AT\nwidgets.example.com +\d{4}-/ },
  { args: "apply -f -", input: widget(1), out: "widget.example.com/w created\n" },
  { args: "apply -f -", input: widget(2), out: "widget.example.com/w configured\n" },
  {
    args: `patch wd w --subresource=status --type merge -p {"status":{"phase":"Ready"}}`,
    out: "widget.example.com/w patched\n",
  },
  { args: "get wd", out: /^NAME +SIZE +PHASE\nw +2 +Ready\n$/ },
  { args: "get widgets.v1beta1.example.com w -o jsonpath={.apiVersion}", out: "example.com/v1beta1" },
  { args: "wait --for=jsonpath={.status.phase}=Ready wd/w", out: /condition met\n$/ },
  { args: "delete wd w", out: 'widget.example.com "w" deleted\n' },
  { args: "delete cm b c", out: 'configmap "b" deleted\nconfigmap "c" deleted\n' },
  { args: "delete cm b", code: 1, error: /\(NotFound\)/ },
  { args: "delete cm b --ignore-not-found", out: "" },
  { args: "delete cm --all", out: /configmap "a" deleted\n/ },
  { args: "get cm", error: /No resources found in default namespace/ },
  { args: "get cm --token=wrong", code: 1, error: /You must be logged in to the server/ },
  { args: "get cm --as=system:serviceaccount:default:web -o name", out: "" },
];

async function openCluster() {
  const stack = new AsyncDisposableStack();
  const { directory, plane, client } = stack.use(await openTestPlane());
  const certificate = await ensureCertificate(directory, systemClock);
  const options = { plane, port: 0, host: "127.0.0.1", certificate, log: silentLogger };
  const { url } = stack.use(await serveControlPlane(options));
  const kubeconfig = join(directory, "kubeconfig");
  await writeFile(kubeconfig, kubeconfigText({ url, caPem: certificate.cert, token: adminToken, name: "tiphys" }), {
    mode: 0o600,
  });
  return { kubeconfig, directory, client, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test("the real kubectl gets the answers of a real cluster", { skip, timeout: 120_000 }, async (context) => {
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

test("kubectl get -w shows changes as they come", { skip, timeout: 30_000 }, async () => {
  await using cluster = await openCluster();
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
