import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseManifests } from "../../src/api/manifest.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { type RunningEngine, startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { git } from "../harness/git-repository.ts";
import { startEventServer } from "../harness/grpc-events.ts";
import { startTriggerServer } from "../harness/grpc-trigger.ts";
import { startHookApi } from "../harness/hook-api.ts";
import { startAnswering } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { startBucket } from "../harness/minio-bucket.ts";
import { createQueue, motoMissing, startMoto } from "../harness/moto.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { rabbitMqMissing, startRabbitMq } from "../harness/rabbitmq.ts";
import { redisMissing, startRedis } from "../harness/redis-server.ts";
import { kubectlMissing, kubectlPath, run } from "../harness/run.ts";
import { startSmtpServer } from "../harness/smtp-server.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { sensorCases, sourceRefusals, timed, usual } from "./argo-events-cases.ts";

failOnLeakedChildren();

/** The manifests that users of Argo Events start from, each in a namespace of its own, on one engine. */
const shared = join(import.meta.dirname, "../../../shared/fixtures");
const folder = join(shared, "argo-events");
const files = existsSync(folder)
  ? globSync(`${folder}/**/*.{yaml,yml}`)
      .map((path) => relative(folder, path))
      .sort()
  : [];
const skip =
  (files.length === 0 ? "the folder of manifests that others wrote is not here" : undefined) ??
  kubectlMissing() ??
  natsServerMissing() ??
  (rabbitMqMissing || redisMissing || motoMissing || false);

const namespaceOf = (file: string): string =>
  `f-${file.replace(/^(tutorials\/\d+|event-sources|sensors)/, (part) => part.slice(0, 1) + part.slice(-2)).replace(/\.ya?ml$/, "")}`
    .replaceAll(/[^a-z0-9]+/gi, "-")
    .toLowerCase();

const workflow = {
  apiVersion: "argoproj.io/v1alpha1",
  kind: "Workflow",
  metadata: { generateName: "hello-world-" },
  spec: { entrypoint: "main", templates: [{ name: "main", container: { image: "busybox" } }] },
};

/** Services are replaced by their addresses only. */
interface Services {
  readonly texts: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

async function startServices(stack: AsyncDisposableStack, gitPort: number, directory: string): Promise<Services> {
  const rabbit = stack.use(await startRabbitMq());
  const nats = stack.use(await startNatsServer());
  const redis = stack.use(await startRedis());
  const smtp = stack.use(await startSmtpServer());
  const events = stack.use(await startEventServer());
  const trigger = stack.use(await startTriggerServer());
  const api = { header: "authorization", token: "Bearer t", prefix: "", updateMethod: "PATCH" } as const;
  const github = stack.use(await startHookApi(api));
  const web = stack.use(await startAnswering(() => ({ status: 200, body: JSON.stringify(workflow) })));
  const bucket = stack.use(await startBucket(JSON.stringify(workflow)));
  const moto = stack.use(await startMoto());
  await createQueue(moto.url, "test");
  const host = (url: string): string => new URL(url).host;
  const ports = { 12000: await freePort(), 13000: await freePort(), 8080: await freePort() };
  return {
    texts: {
      "rabbitmq-service.argo-events:5672": rabbit.address,
      "nats.argo-events.svc:4222": host(nats.url),
      "redis.argo-events.svc:6379": redis.address,
      "generic-event-source-server.argo-events.svc:8080": events.url,
      "tekton-trigger.argo-events.svc:9000": `127.0.0.1:${trigger.port}`,
      "minio-service.argo-events:9000": bucket.endpoint,
      "http://http-server.argo-events.svc:8090": web.url,
      "https://raw.githubusercontent.com": web.url,
      "https://github.com/": `http://127.0.0.1:${gitPort}/`,
      "argoproj/argo.git": "argo.git",
      "git@github.com:": "ssh://git@127.0.0.1:1/",
      "smtp.example.net": "127.0.0.1",
      "port: 587": `port: ${smtp.port}`,
      "username: username": "username: user",
      "/test-data/": `${directory}/`,
      // The address of an API that is not the public one.
      "\n      active: true": `\n      active: true\n      githubBaseURL: ${github.url}/\n      githubUploadURL: ${github.url}/`,
      "      region: us-east-1": `      region: us-east-1\n      endpoint: ${moto.url}`,
      "12000": String(ports[12000]),
      "13000": String(ports[13000]),
    },
    secrets: {
      "my-secret": { username: "guest", password: "guest" },
      "github-access": { token: "t", secret: "s" },
      "artifacts-minio": { accesskey: "a", secretkey: "s" },
      "aws-secret": { accesskey: "a", secretkey: "s" },
      "smtp-secret": { password: "pass" },
      "github-secret": { username: "u", password: "p" },
      "git-ssh": { key: "none" },
      "github-app-pem": { "privateKey.pem": "none" },
    },
  };
}

function objectsOf(file: string, text: string, secrets: Services["secrets"]): readonly object[] {
  const namespace = namespaceOf(file);
  const own = parseManifests(text, file).map(({ object }) => ({
    ...object,
    metadata: { ...(object.metadata as JsonObject), namespace },
  }));
  const held = Object.entries(secrets).map(([name, stringData]) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace },
    stringData,
  }));
  const map = (name: string, key: string) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace },
    data: { [key]: JSON.stringify(workflow) },
  });
  const cron = {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "CronWorkflow",
    metadata: { name: "special-trigger", namespace },
    spec: { schedule: "0 0 1 1 *", workflowSpec: workflow.spec },
  };
  const maps = [map("workflow-cm", "wf"), map("trigger-store", "workflow")];
  return [{ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }, ...held, ...maps, cron, ...own];
}

describe("manifests of Argo Events run on an engine", { skip, timeout: 300_000 }, () => {
  const stack = new AsyncDisposableStack();
  let engine: RunningEngine;
  let watched = "";

  before(async () => {
    const root = stack.use(await tempDir());
    watched = join(root.path, "watched");
    const dir = join(root.path, "manifests");
    for (const path of [watched, dir, join(dir, "repositories", "argo", "examples")])
      await mkdir(path, { recursive: true });
    await writeFile(join(dir, "repositories/argo/examples/hello-world.yaml"), JSON.stringify(workflow));
    const gitPort = await freePort();
    const { texts, secrets } = await startServices(stack, gitPort, watched);
    for (const file of files) {
      let text = readFileSync(join(folder, file), "utf8");
      for (const [from, to] of Object.entries(texts)) text = text.replaceAll(from, to);
      const objects = objectsOf(file, text, secrets);
      const documents = objects.map((object) => JSON.stringify(object)).join("\n---\n");
      await writeFile(join(dir, `${namespaceOf(file)}.yaml`), documents);
    }
    const named = ["argo", "argo-events-it"].map((name) => ({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name },
    }));
    await writeFile(join(dir, "namespaces.yaml"), named.map((one) => JSON.stringify(one)).join("\n---\n"));
    engine = stack.use(
      await startEngine({
        dir,
        args: ["--file-root", root.path, "--git-port", String(gitPort)],
        dataDir: join(root.path, "data"),
      }),
    );
    await git(root.path, ["clone", "-q", `${engine.endpoints.git?.replace(/[^/]*$/, "argo.git")}`, "clone"]);
    await git(join(root.path, "clone"), ["tag", "v2.4.0"]);
    await git(join(root.path, "clone"), ["push", "-q", "origin", "v2.4.0"]);
  });
  after(() => stack.disposeAsync());

  async function read(kind: string, namespace: string): Promise<JsonObject & { readonly status?: JsonObject }> {
    const answer = await run(kubectlPath() ?? "kubectl", [
      ...["--kubeconfig", engine.endpoints.kubeconfig, "--cache-dir", join(watched, ".cache")],
      ...["get", kind, "-n", namespace, "-o", "json"],
    ]);
    assert.equal(answer.code, 0, answer.stderr);
    return (JSON.parse(answer.stdout) as { items: JsonObject[] }).items[0] ?? {};
  }

  type Condition = { readonly type: string; readonly status: string; readonly message?: string };
  async function conditions(kind: string, namespace: string): Promise<Record<string, Condition>> {
    const { status } = await read(kind, namespace);
    const all = (status?.conditions ?? []) as unknown as Condition[];
    return Object.fromEntries(all.map((condition) => [condition.type, condition]));
  }

  async function getJson<T>(path: string): Promise<T> {
    const answer = await engine.api(`/api/v1/tiphys${path}`);
    return (await answer.json()) as T;
  }

  async function send(namespace: string, eventSource: string, event: string, data: object): Promise<string> {
    const answer = await engine.api("/api/v1/tiphys/events", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ namespace, eventSource, event, data }),
    });
    const text = await answer.text();
    assert.equal(answer.status, 201, text);
    return (JSON.parse(text) as { id: string }).id;
  }

  interface Entry {
    readonly kind: string;
    readonly trigger?: string;
    readonly outcome?: string;
    readonly message?: string;
  }

  /** By trigger: how it ended. */
  async function effectsOf(id: string): Promise<{ readonly [trigger: string]: string }> {
    const { entries } = await getJson<{ entries: { record?: Entry; entry?: { record?: Entry } }[] }>(
      `/records/${id}/effects`,
    );
    const records = entries.flatMap(({ record, entry }) => record ?? entry?.record ?? []);
    return Object.fromEntries(
      records
        .filter(({ kind, outcome }) => kind === "effect" && outcome !== "failed")
        .map(({ trigger, outcome, message }) => [trigger ?? "", `${outcome} ${message}`]),
    );
  }

  for (const file of files.filter((name) => /event-source/.test(name))) {
    test(`${file} becomes active, or says why not`, async () => {
      const refusal = sourceRefusals[file];
      let last: Record<string, Condition> = {};
      await waitFor(
        `${file}`,
        async () => {
          last = await conditions("eventsources", namespaceOf(file));
          const { Active, SourcesProvided } = last;
          if (refusal === undefined) return Active?.status === "True";
          return [Active, SourcesProvided].some((one) => one?.status === "False" && refusal.test(one.message ?? ""));
        },
        60_000,
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}: ${JSON.stringify(last, undefined, 1)}`);
      });
    });
  }

  interface Sent {
    readonly id: string;
    readonly triggers: readonly string[];
  }

  /** An event for each dependency of the Sensor that the case has one for. */
  async function sendTo(file: string): Promise<Sent> {
    const { data = usual.data, also = {} } = sensorCases[file] ?? {};
    const namespace = namespaceOf(file);
    const { spec } = (await read("sensors", namespace)) as unknown as {
      spec: {
        dependencies: { eventSourceName: string; eventName: string }[];
        triggers: { template: { name: string } }[];
      };
    };
    const [first, ...others] = spec.dependencies;
    assert.ok(first !== undefined);
    const id = await send(namespace, first.eventSourceName, first.eventName, data);
    for (const { eventSourceName, eventName } of others) {
      const more = also[eventSourceName];
      if (more !== undefined) await send(namespace, eventSourceName, eventName, more);
    }
    return { id, triggers: spec.triggers.map(({ template }) => template.name) };
  }

  for (const file of files.filter((name) => !/event-source/.test(name))) {
    const { effects, verdict } = sensorCases[file] ?? {};
    test(`${file} acts on an event, or says why not`, async () => {
      const { id, triggers } = await sendTo(file);
      if (verdict !== undefined || timed.has(file)) {
        // In its time, one of two that are joined passes, and waits for the other.
        const form = verdict === undefined ? /"rejected"|"passed"|"fired"/ : new RegExp(verdict);
        await waitFor("the verdict", async () => form.test(JSON.stringify(await getJson(`/events/${id}/why`))));
        return;
      }
      const wanted = effects ?? Object.fromEntries(triggers.map((trigger) => [trigger, usual.effects]));
      let last: { readonly [trigger: string]: string } = {};
      await waitFor(
        `what becomes of ${file}`,
        async () => {
          last = await effectsOf(id);
          return Object.entries(wanted).every(([trigger, form]) => form.test(last[trigger] ?? ""));
        },
        15_000,
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}: ${JSON.stringify(last, undefined, 1)}`);
      });
    });
  }

  for (const path of files.length === 0 ? [] : globSync(`${shared}/webhooks/*.json`)) {
    const body = readFileSync(path, "utf8");
    const post = async (source: string, event: string, more: object) => {
      const url = `${engine.endpoints.ingress}/webhooks/${namespaceOf(`event-sources/${source}.yaml`)}/${source}/${event}`;
      const headers = { "content-type": "application/json", ...more };
      return fetch(url, { method: "POST", headers, body });
    };
    test(`the body of a webhook ${basename(path)} is taken`, async () => {
      const answer = await post("webhook", "example", {});
      assert.equal(answer.status, 200, await answer.text());
      if (!basename(path).startsWith("github")) return;
      const signature = `sha256=${createHmac("sha256", "s").update(body).digest("hex")}`;
      const headers = { "x-github-event": "push", "x-github-delivery": randomUUID(), "x-hub-signature-256": signature };
      const signed = await post("github", "example-without-api-credentials", headers);
      assert.equal(signed.status, 200, await signed.text());
      const forged = await post("github", "example-without-api-credentials", {
        ...headers,
        "x-hub-signature-256": "sha256=0",
      });
      assert.equal(forged.status, 400);
    });
  }
});
