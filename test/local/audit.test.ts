import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Logger, silentLogger } from "../../src/base/log.ts";
import { type AuditEvent, openAuditFile } from "../../src/local/audit.ts";
import { changesOf, changeText, readAudit } from "../harness/audit.ts";
import { openTestPlane } from "../harness/control-plane.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";
import { waitFor } from "../harness/wait.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const map = (name: string, value: string) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  data: { value },
});

async function openAudited(simulate = false) {
  const events: AuditEvent[] = [];
  const plane = await openTestPlane({ audit: (event) => events.push(event), simulate });
  return { events, ...plane, [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose]() };
}

test("the audit log tells each change, in the order in which they were stored, and no reading", async () => {
  await using world = await openAudited();
  await world.call("POST", maps, map("a", "1"));
  await world.call("GET", maps);
  await world.call("PUT", `${maps}/a`, map("a", "2"));
  await world.call("PATCH", `${maps}/a`, { data: { value: "3" } }, { "content-type": "application/merge-patch+json" });
  await world.call("DELETE", `${maps}/a`);
  await world.call("DELETE", maps);
  await world.call("POST", maps, { ...map("", "1"), metadata: { generateName: "b-" } });
  const texts = world.events.map(changeText);
  assert.deepEqual(texts.slice(0, 5), [
    "create configmaps default/a",
    "update configmaps default/a",
    "patch configmaps default/a",
    "delete configmaps default/a",
    "deletecollection configmaps default",
  ]);
  assert.match(texts[5] ?? "", /^create configmaps default\/b-[a-z0-9]{5}$/);
});

test("an entry has the shape of audit.k8s.io/v1, and no body", async () => {
  const clock = createVirtualClock("2026-01-01T00:00:00.250Z");
  const events: AuditEvent[] = [];
  await using world = await openTestPlane({ clock, audit: (event) => events.push(event) });
  const headers = {
    "user-agent": "kubectl/v1.33.0",
    "impersonate-user": "jane",
    "impersonate-group": "system:masters",
  };
  const answer = await world.call("POST", `${maps}?fieldManager=me`, map("a", "hush"), headers);
  const { auditID = "", ...event } = events[0] ?? ({} as Partial<AuditEvent>);
  assert.match(auditID, /^[0-9a-f-]{36}$/);
  assert.deepEqual(event, {
    kind: "Event",
    apiVersion: "audit.k8s.io/v1",
    level: "Metadata",
    stage: "ResponseComplete",
    requestURI: `${maps}?fieldManager=me`,
    verb: "create",
    user: { username: "admin", groups: ["system:masters", "system:authenticated"] },
    impersonatedUser: { username: "jane", groups: ["system:masters", "system:authenticated"] },
    userAgent: "kubectl/v1.33.0",
    objectRef: { resource: "configmaps", namespace: "default", name: "a", apiVersion: "v1" },
    responseStatus: { code: 201 },
    annotations: {
      "tiphys.io/resource-version": (answer.body as { metadata: { resourceVersion: string } }).metadata.resourceVersion,
    },
    requestReceivedTimestamp: "2026-01-01T00:00:00.250000Z",
    stageTimestamp: "2026-01-01T00:00:00.250000Z",
  });
  assert.equal(JSON.stringify(events).includes("hush"), false);
});

test("dry runs, refusals and questions about rights are told, and are no changes", async () => {
  await using world = await openAudited();
  await world.call("POST", `${maps}?dryRun=All`, map("a", "1"));
  await world.call("POST", maps, map("A!", "1"));
  await world.call("POST", maps, map("a", "1"), { authorization: "Bearer nobody" });
  await world.call("POST", maps, map("a", "1"), { authorization: "Bearer bob-token" });
  await world.call("POST", "/apis/nowhere/v1/things", {});
  await world.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
    spec: { resourceAttributes: { verb: "get", resource: "pods" } },
  });
  const seen = world.events.map(({ responseStatus: { code, reason }, user, annotations }) => {
    return [code, reason, user.username, annotations];
  });
  assert.deepEqual(seen, [
    [201, undefined, "admin", undefined],
    [422, "Invalid", "admin", undefined],
    [401, "Unauthorized", undefined, undefined],
    [403, "Forbidden", "bob", undefined],
    [404, "NotFound", "admin", undefined],
    [201, undefined, "admin", undefined],
  ]);
  assert.deepEqual(changesOf(world.events), []);
});

test("a change that changes nothing shows the resource version of before", async () => {
  await using world = await openAudited();
  await world.call("POST", maps, map("a", "1"));
  await world.call("PUT", `${maps}/a`, map("a", "1"));
  const [created, updated] = world.events.map(({ annotations }) => annotations?.["tiphys.io/resource-version"]);
  assert.equal(typeof created, "string");
  assert.equal(created, updated);
});

test("what simulated controllers store is told as theirs", async () => {
  await using world = await openAudited(true);
  const template = { spec: { restartPolicy: "Never", containers: [{ name: "a", image: "a" }] } };
  await world.call("POST", "/apis/batch/v1/namespaces/default/jobs", {
    metadata: { name: "once" },
    spec: { template },
  });
  const isOver = () => {
    const texts = world.events.map(changeText);
    return texts.includes("update jobs/status default/once") && texts.some((text) => text.startsWith("create pods"));
  };
  await waitFor("the Job's status", isOver);
  assert.deepEqual(changesOf(world.events).map(changeText), ["create jobs default/once"]);
});

const entry = { kind: "Event", requestURI: "/".padEnd(100, "x") } as unknown as AuditEvent;

test("the file is private and bounded: what is full becomes FILE.1", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "audit.log");
  const count = async (file: string) => (await readAudit(file)).length;
  {
    using file = openAuditFile(path, { log: silentLogger, maxBytes: 1_000 });
    for (let i = 0; i < 10; i++) file.write(entry);
    assert.deepEqual([await count(path), await count(`${path}.1`)], [3, 7]);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  }
  using again = openAuditFile(path, { log: silentLogger, maxBytes: 1_000 });
  for (let i = 0; i < 5; i++) again.write(entry);
  assert.deepEqual([await count(path), await count(`${path}.1`)], [1, 7]);
  assert.ok((await readFile(`${path}.1`)).length <= 1_000);
});

test("a full disk loses entries, which is said once, and no request", async () => {
  const said: string[] = [];
  const log: Logger = { ...silentLogger, error: (message) => said.push(message) };
  using file = openAuditFile("/dev/full", { log });
  await using world = await openTestPlane({ audit: file.write });
  for (const name of ["a", "b"]) assert.equal((await world.call("POST", maps, map(name, "1"))).status, 201);
  assert.deepEqual(said, ["audit log cannot be written: entries are lost"]);
});

test("a file that cannot be opened is refused", () => {
  assert.throws(() => openAuditFile("/nowhere/audit.log", { log: silentLogger }), { code: "CONFIG_INVALID" });
});
