import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { JsonObject } from "../../src/base/json.ts";
import { silentLogger } from "../../src/base/log.ts";
import { calendarSource } from "../../src/events/sources/calendar.ts";
import { fileSource } from "../../src/events/sources/file.ts";
import { defineSource } from "../../src/events/sources/registry.ts";
import { resourceSource } from "../../src/events/sources/resource.ts";
import { sftpSource } from "../../src/events/sources/sftp.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import { adminToken, enforceRoles, openTestPlane } from "../harness/control-plane.ts";
import { createJumpingClock } from "../harness/jumping-clock.ts";
import { sshdMissing, startSshd } from "../harness/sshd.ts";
import { startTcpProxy } from "../harness/tcp-proxy.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { type BrokerKind, numbered, type SourcePlace } from "./source-place.ts";

/** What is looked at, and remembers nothing of who has seen it: the source does. */

const fileOf = (n: number): string => `n-${n}.csv`;
const numberIn = (name: string): number => Number(/^n-(\d+)/.exec(basename(name))?.[1]);
const writeFiles = (folder: string) => (from: number, count: number) =>
  numbered(from, count, (n) => writeFile(join(folder, fileOf(n)), ""));

async function filePlace(): Promise<SourcePlace> {
  const folder = await tempDir();
  return {
    server: { kill: async () => undefined, start: async () => undefined },
    spec: {
      eventType: "CREATE",
      watchPathConfig: { directory: `${folder.path}/`, pathRegexp: "\\.csv$" },
      metadata: { a: "b" },
    },
    secrets: {},
    password: "",
    parts: { fileRoot: folder.path },
    publish: writeFiles(folder.path),
    shape: { name: join(folder.path, fileOf(0)), op: 1, metadata: { a: "b" } },
    made: {},
    [Symbol.asyncDispose]: folder[Symbol.asyncDispose],
  };
}

async function sftpPlace(): Promise<SourcePlace> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempDir());
  const { port, user, privateKey, otherKey, hostKey, rotateKey } = stack.use(await startSshd());
  const proxy = stack.use(await startTcpProxy(port));
  const owned = stack.move();
  return {
    server: { kill: async () => proxy.cut(), start: async () => proxy.heal() },
    spec: {
      eventType: "CREATE",
      watchPathConfig: { directory: `${folder.path}/`, pathRegexp: "\\.csv$" },
      pollIntervalDuration: "100ms",
      address: { name: "s", key: "address" },
      username: { name: "s", key: "user" },
      sshKeySecret: { name: "s", key: "key" },
      metadata: { a: "b" },
    },
    secrets: { "s/address": `127.0.0.1:${proxy.port}`, "s/user": user, "s/key": `${privateKey}\n${hostKey}\n` },
    password: "s/key",
    wrong: `${otherKey}\n${hostKey}\n`,
    async rotate() {
      const key = await rotateKey();
      return { secrets: { "s/key": `${key}\n${hostKey}\n` }, end: proxy.cutOnce };
    },
    publish: writeFiles(folder.path),
    shape: { name: fileOf(0), op: 1, metadata: { a: "b" } },
    made: {},
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const objectName = ({ body }: JsonObject): string => String(((body as JsonObject).metadata as JsonObject).name);

async function resourcePlace(): Promise<SourcePlace> {
  const { plane, client, call, ...owned } = await openTestPlane();
  let network = new AbortController();
  const admin = createKubeClient({
    baseUrl: "http://kube.local",
    token: adminToken,
    log: silentLogger,
    async fetch(request) {
      network.signal.throwIfAborted();
      return plane.fetch(new Request(request, { signal: AbortSignal.any([request.signal, network.signal]) }));
    },
  });
  const rules = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["list", "watch"] }];
  const role = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "watch" };
  const subjects = [{ kind: "ServiceAccount", name: "robot", namespace: "default" }];
  const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
  await enforceRoles({ call });
  await call("POST", `${rbac}/roles`, { metadata: { name: "watch" }, rules });
  const grant = async () =>
    void (await call("POST", `${rbac}/rolebindings`, { metadata: { name: "watch" }, roleRef: role, subjects }));
  await grant();
  const configMap = (n: number) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: `n-${n}`, namespace: "default" },
  });
  return {
    server: {
      kill: async () => network.abort(new Error("no route")),
      async start() {
        network = new AbortController();
      },
    },
    spec: {
      namespace: "default",
      version: "v1",
      resource: "configmaps",
      eventTypes: ["ADD"],
      filter: { prefix: "n-" },
    },
    secrets: {},
    password: "",
    async refuse() {
      await call("DELETE", `${rbac}/rolebindings/watch`);
      return grant;
    },
    parts: { kube: admin.as("system:serviceaccount:default:robot") },
    publish: (from, count) => numbered(from, count, (n) => client.create(configMap(n))),
    shape: { type: "ADD", body: {}, oldBody: null, group: "", version: "v1", resource: "configmaps" },
    made: { body: /^\{"apiVersion":"v1","kind":"ConfigMap","metadata":\{.*"name":"n-0","namespace":"default",.*\}\}$/ },
    [Symbol.asyncDispose]: owned[Symbol.asyncDispose],
  };
}

/** The events' times are the numbers' places in the order in which time was moved on. */
const ticks = new Map<string, number>();
const hourMs = 3_600_000;

/** Time, which goes on by an hour for each message. */
async function calendarPlace(): Promise<SourcePlace> {
  const clock = createJumpingClock();
  const timeOf = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;
  const first = (Math.floor(clock.now() / hourMs) + 1) * hourMs;
  return {
    server: { kill: async () => undefined, start: async () => undefined },
    spec: {
      schedule: "0 * * * *",
      persistence: { catchup: { enabled: true, maxDuration: "100h" }, configMap: { name: "m" } },
      metadata: { a: "b" },
    },
    secrets: {},
    password: "",
    parts: { clock },
    async publish(from, count) {
      const next = (Math.floor(clock.now() / hourMs) + 1) * hourMs;
      for (let index = 0; index < count; index++) ticks.set(timeOf(next + index * hourMs), from + index);
      clock.jump(next + (count - 1) * hourMs - clock.now());
    },
    shape: { eventTime: timeOf(first), metadata: { a: "b" } },
    made: {},
    [Symbol.asyncDispose]: async () => ticks.clear(),
  };
}

const common = { hasNoOrder: "of one look there is none" } as const;
const nameNumber = ({ name }: JsonObject): number => numberIn(String(name));

export const watchKinds: readonly BrokerKind[] = [
  {
    ...common,
    name: "file",
    skip: false,
    kind: defineSource(fileSource),
    numberOf: nameNumber,
    hasNoLogin: "a directory has no login",
    cannotRestart: "there is no server",
    place: filePlace,
  },
  {
    ...common,
    name: "sftp",
    noticesLate: "it looks again once what it found is stored",
    skip: sshdMissing() ?? false,
    kind: defineSource(sftpSource),
    numberOf: nameNumber,
    place: sftpPlace,
  },
  {
    ...common,
    name: "resource",
    skip: false,
    kind: defineSource(resourceSource),
    numberOf: (data) => numberIn(objectName(data)),
    place: resourcePlace,
  },
  {
    name: "calendar",
    skip: false,
    kind: defineSource(calendarSource),
    numberOf: ({ eventTime }) => ticks.get(String(eventTime)) ?? Number.NaN,
    hasNoLogin: "time asks nobody who they are",
    cannotRestart: "time is not away",
    place: calendarPlace,
  },
];
