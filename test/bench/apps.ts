import { join } from "node:path";
import express from "express";
import { parseApplication } from "../../src/api/application.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { type ApplicationIndex, createApplicationIndex } from "../../src/controllers/applications/application-index.ts";
import { placeText, selectorsOf } from "../../src/controllers/applications/application-selectors.ts";
import {
  applicationRepositories,
  compileApplicationSensor,
} from "../../src/controllers/applications/application-sensor.ts";
import { createPushIntake } from "../../src/controllers/applications/push-intake.ts";
import { createReconcileStream } from "../../src/controllers/applications/reconcile-stream.ts";
import { createPlaces, pushesOf } from "../../src/controllers/webhooks/hook-intake.ts";
import { createHookReceiver } from "../../src/controllers/webhooks/hook-receiver.ts";
import { changedFiles, createTouched } from "../../src/controllers/webhooks/refresh-paths.ts";
import type { SeenHook } from "../../src/controllers/webhooks/webhook.ts";
import { openSqliteBus } from "../../src/events/bus/sqlite.ts";
import { systemStreams } from "../../src/events/bus/streams.ts";
import { triggerSchemas } from "../../src/events/triggers/registry.ts";
import type { KubeObject } from "../../src/objects/object.ts";
import { rawSubject } from "../../src/record/subject.ts";
import { webhookRoute } from "../../src/server/webhook-route.ts";
import { createHandle } from "../controllers/fakes.ts";
import { after, before, githubPush, hmac } from "../controllers/webhooks/bodies.ts";
import { createMemoryBus } from "../harness/memory-bus.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { startExpress } from "../server/express.ts";
import type { Bench, BenchRow } from "./bench.ts";

const count = 10_000;
const log = silentLogger;
const clock = systemClock;

/** A webhook of a provider, with 10,000 Applications. */
export const appsBenches: readonly Bench[] = [
  { name: "webhook to answer", run: async ({ quick }) => answers(quick ? 200 : 2_000) },
  { name: "webhook to Applications", run: async ({ quick }) => matches(quick ? 5 : 50) },
];

/** Over HTTP and the embedded bus; the limit is what the bus takes to keep as much. */
async function answers(posts: number): Promise<readonly BenchRow[]> {
  await using folder = await tempDir();
  await using bus = await openSqliteBus({ path: join(folder.path, "bus.db"), streams: systemStreams(), log });
  const requests = createReconcileStream({ bus, clock, log, onRequest: () => undefined });
  const settings = { secret: () => "s3cret", maxBytes: 1024 * 1024 };
  const receiver = createHookReceiver({ settings: async () => settings, requests, clock, log });
  const app = express();
  app.use("/api/webhook", webhookRoute(receiver, log));
  await using server = await startExpress(app);
  const body = JSON.stringify(githubPush);
  const headers = { "x-github-event": "push", "x-hub-signature-256": `sha256=${hmac(body, "s3cret")}` };
  const data = new TextEncoder().encode(body);
  const times: number[] = [];
  const bare: number[] = [];
  for (let n = 0; n < posts; n++) {
    times.push(
      await timed(async () => {
        const response = await fetch(`${server.url}/api/webhook`, { method: "POST", headers, body });
        if ((await response.text()) !== "" || response.status !== 200) throw new Error(`status ${response.status}`);
      }),
    );
    bare.push(await timed(() => bus.publish(rawSubject("reconcile.a.b"), { id: `bare-${n}`, data })));
  }
  return [0.5, 0.99].map((q) =>
    rowOf(`webhook → answer, p${q * 100}, embedded bus`, quantile(times, q), quantile(bare, q)),
  );
}

interface Shape {
  readonly name: string;
  /** Fields of the nth Application. */
  readonly repository: (n: number) => string;
  readonly revision: (n: number) => string;
}

const shapes: readonly Shape[] = [
  {
    name: "a repository each",
    repository: (n) => `https://github.com/acme/shop${n === 0 ? "" : n}`,
    revision: () => "main",
  },
  {
    name: "one repository, a branch each",
    repository: () => githubPush.repository.html_url,
    revision: (n) => (n === 0 ? "main" : `env-${n}`),
  },
  {
    name: "one repository and branch, a path each",
    repository: () => githubPush.repository.html_url,
    revision: () => "main",
  },
];

/** From the stored push to the requests for those whom it concerns: one of them. The limit is the budget. */
async function matches(rounds: number): Promise<readonly BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const shape of shapes) {
    const { index, objects, repositories } = applicationsOf(shape);
    const stored: string[] = [];
    const placeOfUsed = createPlaces();
    const isTouched = createTouched();
    const push = createPushIntake({
      system: createHandle("system", createMemoryBus()),
      controllerNamespace: "argocd",
      index,
      requests: {
        store: async (key) => {
          stored.push(key);
        },
      },
      concerned: (repository, files) => {
        const changed = changedFiles(files);
        return (key) => isTouched(objects.get(key) as KubeObject, repository, changed);
      },
      clock,
    });
    const refs = [{ name: "refs/heads/main", old: before, new: after }];
    const urls = [githubPush.repository.html_url];
    const seen: SeenHook = { provider: "GitHub", urls, refs, headRef: "refs/heads/main", files: ["apps/0/a.yaml"] };
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      stored.length = 0;
      times.push(
        await cpuTimed(async () => {
          for (const one of pushesOf(seen, repositories(), placeOfUsed)) await push(one);
        }),
      );
      if (stored.join() !== "argocd/app-0") throw new Error(`${shape.name}: it concerns ${stored.length}`);
    }
    rows.push({ ...rowOf(`push → whom it concerns, CPU, p50: ${shape.name}`, quantile(times, 0.5), 10), budget: 10 });
  }
  return rows;
}

function applicationsOf({ repository, revision }: Shape) {
  const index: ApplicationIndex = createApplicationIndex();
  const objects = new Map<string, KubeObject>();
  const urls: string[] = [];
  for (let n = 0; n < count; n++) {
    const object = {
      apiVersion: "argoproj.io/v1alpha1",
      kind: "Application",
      metadata: {
        name: `app-${n}`,
        namespace: "argocd",
        uid: String(n),
        annotations: { "argocd.argoproj.io/manifest-generate-paths": "." },
      },
      spec: {
        source: { repoURL: repository(n), path: `apps/${n}`, targetRevision: revision(n) },
        destination: { name: "in-cluster" },
      },
    };
    const { resource } = parseApplication(object);
    const compiled = compileApplicationSensor(resource, triggerSchemas());
    const selectors = selectorsOf(compiled);
    const places = applicationRepositories(resource).flatMap((one) => selectors.map((ref) => placeText(one, ref)));
    index.set(`argocd/app-${n}`, compiled, places);
    objects.set(`argocd/app-${n}`, object);
    urls.push(repository(n));
  }
  // As the controller answers.
  return { index, objects, repositories: () => new Set(urls) };
}

/** Of this process: other work on the machine does not count. */
async function cpuTimed(work: () => Promise<unknown>): Promise<number> {
  const started = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1_000;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function quantile(values: readonly number[], q: number): number {
  return [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0;
}

function rowOf(name: string, value: number, limit: number): BenchRow {
  return { name, value, unit: "ms", limit, ratio: value / limit };
}
