import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { type RunningEngine, startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing, kubectlPath, run } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { postJson, webhookSource } from "./scenario.ts";

failOnLeakedChildren();

async function kubectl(engine: RunningEngine, args: readonly string[], input?: object): Promise<string> {
  const all = ["--kubeconfig", engine.endpoints.kubeconfig, ...args];
  const options = input === undefined ? {} : { input: JSON.stringify(input) };
  const { code, stdout, stderr } = await run(kubectlPath() ?? "kubectl", all, options);
  assert.equal(code, 0, `kubectl ${args.join(" ")}: ${stderr}`);
  return stdout;
}

function configMap(value: string): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { value } };
}

test("kubectl works on the embedded API", { skip: kubectlMissing() }, async (t) => {
  await using engine = await startEngine();
  const storedValue = (name: string) => kubectl(engine, ["get", "configmap", name, "-o", "jsonpath={.data.value}"]);

  await t.test("creates, applies again, reads and deletes a ConfigMap", async () => {
    await kubectl(engine, ["apply", "-f", "-"], configMap("one"));
    assert.equal(await storedValue("settings"), "one");
    assert.match(await kubectl(engine, ["apply", "-f", "-"], configMap("one")), /unchanged/);
    assert.match(await kubectl(engine, ["apply", "-f", "-"], configMap("two")), /configured/);
    assert.equal(await storedValue("settings"), "two");
    await kubectl(engine, ["create", "configmap", "made", "--from-literal=value=three"]);
    assert.equal(await storedValue("made"), "three");
    await kubectl(engine, ["delete", "configmap", "settings", "made"]);
    assert.equal(await kubectl(engine, ["get", "configmap", "-o", "name"]), "");
  });

  await t.test("applies on the server's side", async () => {
    await kubectl(engine, ["apply", "--server-side", "-f", "-"], configMap("owned"));
    assert.equal(await storedValue("settings"), "owned");
  });

  await t.test("creates and lists a Namespace", async () => {
    await kubectl(engine, ["create", "namespace", "shop"]);
    assert.match(await kubectl(engine, ["get", "namespaces"]), /^shop\s+Active/m);
  });

  await t.test("knows our kinds by their short names", async () => {
    assert.match(await kubectl(engine, ["api-resources", "--api-group", "argoproj.io"]), /eventsources\s+es\b/);
    assert.equal(await kubectl(engine, ["get", "es,sn,eb", "-o", "name"]), "");
  });

  await t.test("an EventSource that is applied serves, and stops when it is deleted", async () => {
    const port = await freePort();
    await kubectl(engine, ["apply", "-f", "-"], webhookSource("hook", port));
    const url = `http://127.0.0.1:${port}/push`;
    await waitFor("the webhook", async () => (await postJson(url, {}).catch(() => undefined))?.status === 200);
    await kubectl(engine, ["wait", "--for=condition=Deployed", "es/hook", "--timeout=10s"]);
    await kubectl(engine, ["delete", "es", "hook"]);
    await waitFor("the webhook to be gone", async () => (await postJson(url, {}).catch(() => undefined)) === undefined);
  });

  await t.test("refuses a Sensor that says nothing, with the field", async () => {
    const sensor = { ...webhookSource("bad", 1), kind: "Sensor", spec: { dependencies: [], triggers: [] } };
    const args = ["--kubeconfig", engine.endpoints.kubeconfig, "apply", "-f", "-"];
    const { code, stderr } = await run(kubectlPath() ?? "kubectl", args, { input: JSON.stringify(sensor) });
    assert.equal(code, 1);
    assert.match(stderr, /spec\.(dependencies|triggers)/);
  });

  await t.test("watches", async () => {
    const args = ["--kubeconfig", engine.endpoints.kubeconfig, "get", "configmap", "--watch-only", "-o", "name"];
    const child = spawn(kubectlPath() ?? "kubectl", args, { stdio: ["ignore", "pipe", "ignore"] });
    let seen = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      seen += chunk;
    });
    try {
      let count = 0;
      await waitFor("the watch to tell", async () => {
        await kubectl(engine, ["create", "configmap", `watched-${++count}`]);
        return seen.includes("configmap/watched-");
      });
    } finally {
      const ended = once(child, "exit");
      child.kill();
      await ended;
    }
  });
});
