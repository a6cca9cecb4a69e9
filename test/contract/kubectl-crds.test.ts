import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { parseYaml } from "../../src/base/yaml.ts";
import { ensureCertificate } from "../../src/local/certificate.ts";
import { kubeconfigText } from "../../src/local/kubeconfig.ts";
import { serveControlPlane } from "../../src/local/serve.ts";
import { admit, admitRequests } from "../../src/validate/admission.ts";
import { adminToken, openTestPlane } from "../harness/control-plane.ts";
import { kubectl, kubectlMissing } from "../harness/kubectl.ts";
import { projectRoot } from "../harness/run.ts";

const skip = kubectlMissing() ?? false;
const folder = join(projectRoot, "crds");

const sensor = (template: object): string =>
  JSON.stringify({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Sensor",
    metadata: { name: "s" },
    spec: {
      dependencies: [{ name: "d", eventSourceName: "e", eventName: "e" }],
      triggers: [{ template: { name: "t", ...template } }],
    },
  });

/** The embedded API with the admission of the engine, served as to people. */
async function openCluster() {
  await using stack = new AsyncDisposableStack();
  const { plane, directory } = stack.use(await openTestPlane({ admission: admitRequests(admit) }));
  const certificate = await ensureCertificate(directory, systemClock);
  const options = { plane, port: 0, host: "127.0.0.1", certificate, log: silentLogger };
  const { url } = stack.use(await serveControlPlane(options));
  const kubeconfig = join(directory, "kubeconfig");
  const access = { url, caPem: certificate.cert, token: adminToken, name: "tiphys" };
  await writeFile(kubeconfig, kubeconfigText(access), { mode: 0o600 });
  const owned = stack.move();
  return { kubeconfig, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

test("kubectl applies crds/, explains them, and prints what admission says", { skip, timeout: 120_000 }, async () => {
  await using cluster = await openCluster();
  const run = (line: string, input?: string) =>
    kubectl(cluster.kubeconfig, line.split(" "), input === undefined ? {} : { input });

  const files = globSync("*.yaml", { cwd: folder }).sort();
  const names = files.map((file) => (parseYaml(readFileSync(join(folder, file), "utf8"))[0] as Named).metadata.name);
  const applied = await run(`apply -f ${folder}`);
  assert.equal(applied.code, 0, applied.stderr);
  const lines = names.map((name) => `customresourcedefinition.apiextensions.k8s.io/${name} created`);
  assert.deepEqual(applied.stdout.trimEnd().split("\n"), lines);
  const again = await run(`apply --server-side -f ${folder}`);
  assert.equal(again.code, 0, again.stderr);

  const explained = await run("explain sensor.spec");
  assert.equal(explained.code, 0, explained.stderr);
  assert.match(
    explained.stdout,
    /^GROUP: {6}argoproj\.io\nKIND: {7}Sensor\nVERSION: {4}v1alpha1\n\nFIELD: spec <Object>/,
  );
  assert.match(explained.stdout, /\n {2}dependencies\t<\[\]Object>\n {4}Events that it listens to\.\n/);
  const deep = await run("explain es.spec.webhook.endpoint");
  assert.match(deep.stdout, /^FIELD: endpoint <string>$/m);

  const refused = await run("apply -f -", sensor({ http: { url: "http://x", method: "POTS" } }));
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /spec\.triggers\[0\]\.template\.http\.method: "POTS": only GET, .*did you mean `POST`\?/,
  );
  const warned = await run("apply -f -", sensor({ log: {}, retryStrategy: {} }));
  assert.equal(warned.stdout, "sensor.argoproj.io/s created\n", warned.stderr);
  assert.match(warned.stderr, /^Warning: spec\.triggers\[0\]\.template\.retryStrategy: unknown field.*one level up/m);
});

interface Named {
  readonly metadata: { readonly name: string };
}
