import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseEventBus } from "../../../src/api/event-bus.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { readNative } from "../../../src/controllers/exotic-bus.ts";
import { type NativeBus, readNativeBus } from "../../../src/controllers/native-bus/native-bus.ts";
import { clientSecretData, serverSecretData } from "../../../src/controllers/native-bus/secrets.ts";
import {
  type KeyForm,
  readAuthConfig,
  renderServerConfig,
  secretFiles,
} from "../../../src/controllers/native-bus/server-config.ts";
import type { EventBus } from "../../../src/events/bus/bus.ts";
import { openJetStreamBus } from "../../../src/events/bus/jetstream.ts";
import { argoStream } from "../../../src/events/bus/streams.ts";
import { rawSubject } from "../../../src/record/subject.ts";
import { freePort } from "../../harness/free-port.ts";
import { natsServerMissing } from "../../harness/nats-server.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { waitFor } from "../../harness/wait.ts";

const skip = natsServerMissing() ?? false;
const folders = ["/etc/nats-config", "/data/jetstream", "/var/run/nats"];

function busOf(jetstream: object): NativeBus {
  const metadata = { name: "default", namespace: "shop", uid: "u-1" };
  const spec = { jetstream: { version: "latest", ...jetstream } };
  return readNativeBus(
    parseEventBus({ apiVersion: "argoproj.io/v1alpha1", kind: "EventBus", metadata, spec }).resource,
  );
}

/** The files of one Pod in a folder, as its volumes would hold them, on ports of our own. */
async function writePod(bus: NativeBus, root: string, keyForm: KeyForm = "variable") {
  const server = await serverSecretData(bus, {}, systemClock);
  const [client, monitor, cluster] = [await freePort(), await freePort(), await freePort()];
  const place = (text: string) => folders.reduce((all, folder) => all.replaceAll(folder, join(root, folder)), text);
  for (const folder of folders) await mkdir(join(root, folder), { recursive: true });
  const config = renderServerConfig(bus, keyForm)
    .replace(/^port: 4222$/m, `port: ${client}`)
    .replace(/^http: 8222$/m, `http: ${monitor}`)
    .replace(/^ {2}port: 6222$/m, `  port: ${cluster}`);
  await writeFile(join(root, folders[0] ?? "", "nats-js.conf"), place(config));
  for (const [key, file] of Object.entries(secretFiles)) {
    await writeFile(join(root, folders[0] ?? "", file), place(server[key] ?? ""));
  }
  const env = { SERVER_NAME: "eventbus-default-js-0", CLUSTER_ADVERTISE: "127.0.0.1", JS_KEY: server.encryption ?? "" };
  return { server, client, monitor, env, config: join(root, folders[0] ?? "", "nats-js.conf") };
}

async function startPod(pod: Awaited<ReturnType<typeof writePod>>): Promise<ChildProcess> {
  const child = spawn("nats-server", ["--config", pod.config], {
    env: { ...process.env, ...pod.env },
    stdio: "ignore",
  });
  await waitFor("the server to be healthy", async () => {
    if (child.exitCode !== null) throw new Error(`nats-server ended with code ${child.exitCode}`);
    const answer = await fetch(`http://127.0.0.1:${pod.monitor}/healthz`).catch(() => undefined);
    return answer?.status === 200;
  });
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

test("a real server takes the configuration, and our client keeps an event on it over verified TLS", {
  skip,
}, async () => {
  await using root = await tempDir();
  const bus = busOf({ replicas: 1, maxPayload: "2MB" });
  const pod = await writePod(bus, root.path);
  const secrets: Readonly<Record<string, string>> = { ...pod.server, ...clientSecretData(pod.server) };
  const { streamConfig, ...access } = readNative(bus, {
    read: async ({ key }) => secrets[key] ?? assert.fail(key),
    readConfigMap: () => assert.fail("no config map is needed"),
  });
  assert.equal(access.url, "nats://eventbus-default-js-svc.shop.svc:4222");
  const open = (more: object = {}) =>
    openJetStreamBus({
      ...access,
      servers: `nats://127.0.0.1:${pod.client}`,
      streams: [argoStream(streamConfig)],
      name: "test",
      log: silentLogger,
      clock: systemClock,
      ...more,
    });
  const message = { id: "1", data: new TextEncoder().encode("an event that is kept") };
  let child = await startPod(pod);
  try {
    {
      await using client = await open();
      assert.ok(client.maxMessageBytes > 1.9 * 1024 * 1024);
      await client.publish(rawSubject("default.a.b"), message);
    }
    const tls = { ca: pod.server["ca-cert"] ?? "", servername: "elsewhere.svc" };
    const wrong = { credentials: async () => ({ ...(await access.credentials?.()), tls }) };
    await assert.rejects(open(wrong), { code: "BUS_UNAVAILABLE" });
    const stranger = { credentials: async () => ({ ...(await access.credentials?.()), user: "js", pass: "js" }) };
    await assert.rejects(open(stranger), { code: "BUS_UNAUTHORIZED" });
    await end(child);
    const kept = join(root.path, "/data/jetstream/store/jetstream/js/streams/default/msgs/1.blk");
    assert.ok(!(await readFile(kept)).includes("an event that is kept"), "what is stored is encrypted");
    child = await startPod(pod);
    await using client = await open();
    assert.equal((await client.last(rawSubject("default.a.b")))?.sequence, 1);
  } finally {
    await end(child);
  }
});

for (const [keyForm, isReadable] of [
  ["literal", true],
  ["variable", false],
] as const) {
  test(`a store that the original's server encrypted is ${isReadable ? "" : "not "}read with a ${keyForm} key`, {
    skip,
  }, async () => {
    await using root = await tempDir();
    const bus = busOf({ replicas: 1 });
    const pod = await writePod(bus, root.path, keyForm);
    const ours = await readFile(pod.config, "utf8");
    const open = () => {
      const { user = "", password = "" } = readAuthConfig(pod.server.auth ?? "") ?? {};
      return openJetStreamBus({
        servers: `nats://127.0.0.1:${pod.client}`,
        credentials: async () => ({ user, pass: password, tls: { insecureSkipVerify: true } }),
        streams: [argoStream(bus.streamConfig)],
        name: "test",
        log: silentLogger,
        clock: systemClock,
      });
    };
    const runOnce = async (config: string, work: (client: EventBus) => Promise<void>) => {
      await writeFile(pod.config, config);
      const child = await startPod(pod);
      try {
        await using client = await open();
        await work(client);
      } finally {
        await end(child);
      }
    };
    await runOnce(ours.replace(/key: .*/, 'key: "$$JS_KEY"'), async (client) => {
      await client.publish(rawSubject("default.a.b"), { id: "1", data: Buffer.from("1") });
    });
    const again = runOnce(ours, async (client) => assert.equal((await client.end("default")).after, 1));
    if (isReadable) await again;
    else await assert.rejects(again, { code: "BUS_STREAM_MISMATCH" });
  });
}

test("a real server takes the configuration of a cluster", { skip }, async () => {
  await using root = await tempDir();
  const pod = await writePod(busOf({ replicas: 3 }), root.path);
  const child = spawn("nats-server", ["-t", "--config", pod.config], { env: { ...process.env, ...pod.env } });
  const output: string[] = [];
  child.stderr.on("data", (chunk) => output.push(String(chunk)));
  const [code] = await once(child, "close");
  assert.equal(code, 0, output.join(""));
});
