import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { argoWorkflowTrigger } from "../../../src/events/triggers/argo-workflow.ts";
import type { Firing, Outcome, TriggerContext } from "../../../src/events/triggers/trigger.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { openTestPlane, type TestPlane } from "../../harness/control-plane.ts";
import { type HttpSink, startAnswering } from "../../harness/http-sink.ts";
import { addWorkflowKinds } from "../../harness/workflow-kinds.ts";
import { firing, never, triggerContext } from "./trigger-context.ts";

const apiVersion = "argoproj.io/v1alpha1";

async function openTeam(...objects: readonly KubeObject[]): Promise<TestPlane> {
  const plane = await openTestPlane();
  await plane.client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } });
  await addWorkflowKinds(plane.client);
  for (const object of objects) await plane.client.create(object);
  return plane;
}

async function fire(
  context: Partial<TriggerContext>,
  spec: unknown,
  parts: Partial<Firing> = {},
  secrets: Record<string, string> = {},
): Promise<Outcome> {
  const all = triggerContext(context, secrets);
  const fired = firing(parts);
  const plan = await argoWorkflowTrigger.plan(
    argoWorkflowTrigger.schema.parse(spec, "argoWorkflow"),
    fired,
    all,
    never,
  );
  return argoWorkflowTrigger.apply(plan, fired, all, never);
}

function workflow(name: string, parts: object = {}): KubeObject {
  return { apiVersion, kind: "Workflow", metadata: { name, namespace: "team" }, spec: {}, ...parts };
}

const named = (name: string, kind = "Workflow") => ({ resource: { apiVersion, kind, metadata: { name } } });
const read = (plane: TestPlane, name: string) =>
  plane.client.get({ apiVersion, kind: "Workflow", namespace: "team", name });

async function started(plane: TestPlane): Promise<KubeObject> {
  const { items } = await plane.client.list({ apiVersion, kind: "Workflow" }, { namespace: "team" });
  const fresh = items.filter(({ metadata }) => metadata.labels?.["events.argoproj.io/sensor"] !== undefined);
  assert.equal(fresh.length, 1);
  return fresh[0] as KubeObject;
}

test("submit creates the Workflow once, with labels, and what the arguments say", async () => {
  await using plane = await openTeam();
  const resource = {
    apiVersion,
    kind: "Workflow",
    metadata: { generateName: "build-", labels: { own: "x" } },
    spec: { entrypoint: "main", arguments: { parameters: [{ name: "a", value: "old" }] } },
  };
  const spec = {
    operation: "submit",
    source: { resource },
    args: [
      "-p",
      "a=new=er",
      "--parameter=b=2",
      "-l",
      "x=1,y=2",
      "--serviceaccount",
      "builder",
      "--entrypoint=other",
      "--priority=3",
      "--instanceid=blue",
      "--strict=false",
      "--log",
    ],
    parameters: [{ src: { dependencyName: "dep", value: "from-event" }, dest: "metadata.annotations.a" }],
  };
  const first = await fire({ kube: plane.client }, spec);
  const again = await fire({ kube: plane.client }, spec);
  assert.match(first.message, /^created argoproj.io\/v1alpha1\/Workflow\/team\/build-[0-9a-f]{10} \(submit\)$/);
  assert.match(again.message, /^had already created/);
  const made = await started(plane);
  assert.deepEqual(made.spec, {
    entrypoint: "other",
    serviceAccountName: "builder",
    priority: 3,
    arguments: {
      parameters: [
        { name: "a", value: "new=er" },
        { name: "b", value: "2" },
      ],
    },
  });
  assert.partialDeepStrictEqual(made.metadata, {
    labels: {
      ...{ own: "x", x: "1", y: "2", "workflows.argoproj.io/controller-instanceid": "blue" },
      ...{ "events.argoproj.io/sensor": "sensor", "events.argoproj.io/trigger": "deploy" },
    },
    annotations: { a: "from-event" },
  });
});

test("submit-from refers to a WorkflowTemplate, and reports what it made", async () => {
  await using plane = await openTeam();
  const spec = { operation: "submit-from", source: named("release", "WorkflowTemplate"), args: ["-p", "tag=v1"] };
  const outcome = await fire({ kube: plane.client }, spec);
  const made = await started(plane);
  assert.match(made.metadata.name ?? "", /^release-[0-9a-f]{10}$/);
  assert.equal(outcome.objects?.[0]?.name, made.metadata.name);
  assert.equal(made.metadata.labels?.["workflows.argoproj.io/workflow-template"], "release");
  assert.deepEqual(made.spec, {
    workflowTemplateRef: { name: "release" },
    arguments: { parameters: [{ name: "tag", value: "v1" }] },
  });
});

for (const [what, metadata, args, expected] of [
  ["the name of the source", { name: "fixed" }, ["--generate-name", "x-"], /^fixed$/],
  ["--name before all", { name: "fixed" }, ["--generate-name", "x-", "--name", "mine"], /^mine$/],
  ["--generate-name before that of the source", { generateName: "y-" }, ["--generate-name=x-"], /^x-[0-9a-f]{10}$/],
] as const) {
  test(`submit takes ${what}`, async () => {
    await using plane = await openTeam();
    const resource = { apiVersion, kind: "Workflow", metadata, spec: {} };
    await fire({ kube: plane.client }, { operation: "submit", source: { resource }, args });
    assert.match((await started(plane)).metadata.name ?? "", expected);
  });
}

test("submit-from takes a ClusterWorkflowTemplate, too, and a name", async () => {
  await using plane = await openTeam();
  const source = named("shared", "ClusterWorkflowTemplate");
  await fire({ kube: plane.client }, { operation: "submit-from", source, args: ["--name", "mine"] });
  assert.deepEqual((await read(plane, "mine"))?.spec, { workflowTemplateRef: { name: "shared", clusterScope: true } });
});

test("submit-from starts what a CronWorkflow would start, and is owned by it", async () => {
  const cron = {
    apiVersion,
    kind: "CronWorkflow",
    metadata: { name: "nightly", namespace: "team" },
    spec: { schedule: "0 0 * * *", workflowSpec: { entrypoint: "main" }, workflowMetadata: { labels: { a: "b" } } },
  };
  await using plane = await openTeam(cron);
  await fire({ kube: plane.client }, { operation: "submit-from", source: named("nightly", "cronworkflow") });
  const made = await started(plane);
  assert.deepEqual(made.spec, { entrypoint: "main" });
  assert.partialDeepStrictEqual(made.metadata, {
    labels: { a: "b", "workflows.argoproj.io/cron-workflow": "nightly" },
    ownerReferences: [{ kind: "CronWorkflow", name: "nightly", controller: true }],
  });
  const missing = fire({ kube: plane.client }, { operation: "submit-from", source: named("gone", "CronWorkflow") });
  await assert.rejects(missing, { code: "API_NOT_FOUND" });
});

test("resubmit runs a Workflow once more, without what its first run left", async () => {
  const old = workflow("build-1", {
    metadata: {
      name: "build-1",
      generateName: "build-",
      namespace: "team",
      labels: { own: "x", "workflows.argoproj.io/phase": "Failed", "workflows.argoproj.io/completed": "true" },
      annotations: { note: "kept", "tiphys.io/effect-key": "old" },
    },
    spec: { entrypoint: "main", shutdown: "Stop", activeDeadlineSeconds: 0 },
    status: { phase: "Failed" },
  });
  await using plane = await openTeam(old);
  await fire({ kube: plane.client }, { operation: "resubmit", source: named("build-1"), args: ["-p", "a=1"] });
  const made = await started(plane);
  assert.match(made.metadata.name ?? "", /^build-[0-9a-f]{10}$/);
  assert.deepEqual(made.spec, { entrypoint: "main", arguments: { parameters: [{ name: "a", value: "1" }] } });
  assert.equal(made.status, undefined);
  assert.equal(made.metadata.labels?.["workflows.argoproj.io/completed"], undefined);
  assert.equal(made.metadata.labels?.["workflows.argoproj.io/resubmitted-from-workflow"], "build-1");
  assert.equal(made.metadata.annotations?.note, "kept");
});

for (const [operation, expected] of [
  ["suspend", { suspend: true }],
  ["stop", { shutdown: "Stop" }],
  ["terminate", { shutdown: "Terminate" }],
] as const) {
  test(`${operation} changes the spec, and nothing that is over`, async () => {
    const completed = { labels: { "workflows.argoproj.io/completed": "true" } };
    const over = workflow("over", { metadata: { name: "over", namespace: "team", ...completed } });
    await using plane = await openTeam(workflow("w"), over);
    const outcome = await fire({ kube: plane.client }, { operation, source: named("w") });
    assert.equal(outcome.message, `${operation}: changed ${apiVersion}/Workflow/team/w`);
    assert.deepEqual((await read(plane, "w"))?.spec, expected);
    await assert.rejects(
      fire({ kube: plane.client }, { operation, source: named("over") }),
      /a completed Workflow: over/,
    );
  });
}

const waiting = {
  id: "w-1",
  name: "w.approve",
  displayName: "approve",
  type: "Suspend",
  phase: "Running",
  outputs: { parameters: [{ name: "by", valueFrom: { supplied: {}, default: "nobody" } }] },
};
const other = { id: "w-2", name: "w.later", displayName: "later", type: "Suspend", phase: "Running" };

for (const packed of [false, true]) {
  test(`resume ends suspend steps and clears suspend${packed ? ", also where nodes are compressed" : ""}`, async () => {
    const nodes = { "w-1": waiting, "w-2": other };
    const status = packed ? { compressedNodes: gzipSync(JSON.stringify(nodes)).toString("base64") } : { nodes };
    await using plane = await openTeam(workflow("w", { spec: { suspend: true }, status }));
    await fire({ kube: plane.client }, { operation: "resume", source: named("w") });
    const live = await read(plane, "w");
    assert.deepEqual(live?.spec, {});
    const after = (live?.status ?? {}) as { nodes?: object; compressedNodes?: string };
    const found = packed
      ? JSON.parse(gunzipSync(Buffer.from(after.compressedNodes!, "base64")).toString())
      : after.nodes;
    assert.partialDeepStrictEqual(found, {
      "w-1": { phase: "Succeeded", outputs: { parameters: [{ name: "by", value: "nobody" }] } },
      "w-2": { phase: "Succeeded" },
    });
  });
}

test("resume and stop take a node selector", async () => {
  await using plane = await openTeam(workflow("w", { status: { nodes: { "w-1": waiting, "w-2": other } } }));
  const args = ["--node-field-selector", "displayName=approve,phase=Running"];
  await fire({ kube: plane.client }, { operation: "resume", source: named("w"), args });
  const stop = ["--node-field-selector=displayName=later", "--message", "too late"];
  await fire({ kube: plane.client }, { operation: "stop", source: named("w"), args: stop }, { key: "2" });
  const live = await read(plane, "w");
  assert.partialDeepStrictEqual(live?.status, {
    nodes: { "w-1": { phase: "Succeeded" }, "w-2": { phase: "Failed", message: "too late" } },
  });
  assert.equal((live?.spec as { shutdown?: string } | undefined)?.shutdown, undefined);
});

const failedRun = workflow("w", {
  metadata: {
    name: "w",
    namespace: "team",
    labels: { "workflows.argoproj.io/phase": "Failed", "workflows.argoproj.io/completed": "true" },
  },
  spec: { shutdown: "Stop" },
  status: {
    phase: "Failed",
    message: "child failed",
    finishedAt: "2026-01-01T00:00:00Z",
    nodes: {
      w: { id: "w", name: "w", type: "DAG", phase: "Failed", children: ["w-11"], message: "child 'w-22' failed" },
      "w-11": { id: "w-11", name: "w.a", type: "Pod", templateName: "t", phase: "Succeeded", children: ["w-22"] },
      "w-22": { id: "w-22", name: "w.b", type: "Pod", templateName: "t", phase: "Failed" },
    },
  },
});

test("retry keeps what succeeded, and lets what failed run again", async () => {
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { namespace: "team" }, spec: { containers: [] } };
  const pods = ["w-t-11", "w-t-22"].map((name) => ({ ...pod, metadata: { ...pod.metadata, name } }));
  await using plane = await openTeam(failedRun, ...pods);
  await fire({ kube: plane.client }, { operation: "retry", source: named("w") });
  const live = await read(plane, "w");
  const { nodes, ...status } = (live?.status ?? {}) as Record<string, object>;
  assert.deepEqual(Object.keys(nodes ?? {}), ["w", "w-11"]);
  assert.partialDeepStrictEqual(nodes, { w: { phase: "Running" }, "w-11": { phase: "Succeeded", children: [] } });
  assert.equal((status as { phase?: unknown }).phase, "Running");
  assert.equal("finishedAt" in status || "message" in status, false);
  assert.deepEqual(live?.spec, {});
  assert.deepEqual(live?.metadata.labels, { "workflows.argoproj.io/phase": "Running" });
  const left = await plane.client.list({ apiVersion: "v1", kind: "Pod" }, { namespace: "team" });
  assert.deepEqual(
    left.items.map(({ metadata }) => metadata.name),
    ["w-t-11"],
  );
});

test("a repeat of a firing changes a Workflow once, and what runs is not retried", async () => {
  await using plane = await openTeam(failedRun);
  await fire({ kube: plane.client }, { operation: "retry", source: named("w") });
  const again = await fire({ kube: plane.client }, { operation: "retry", source: named("w") });
  assert.match(again.message, /^retry: had already been done to/);
  const next = fire({ kube: plane.client }, { operation: "retry", source: named("w") }, { key: "another" });
  await assert.rejects(next, /must be Failed\/Error to retry: w is Running/);
});

for (const [what, args, operation, expected] of [
  ["an unknown argument", ["--wait"], "submit", /"--wait" is no argument that is supported/],
  ["an argument of another operation", ["--name", "x"], "stop", /--name has no meaning for stop/],
  ["a value that is missing", ["-p"], "submit", /--parameter needs a value/],
  ["a parameter without a name", ["-p", "x"], "submit", /--parameter "x" must be name=value/],
  ["nodes that only a server copies", ["--memoized"], "resubmit", /--memoized needs an Argo Server/],
] as const) {
  test(`refuses ${what}`, async () => {
    await using plane = await openTeam(workflow("w"));
    await assert.rejects(fire({ kube: plane.client }, { operation, source: named("w"), args }), expected);
  });
}

test("a policy waits for labels of the Workflow that was submitted", async () => {
  await using plane = await openTeam();
  const resource = { apiVersion, kind: "Workflow", metadata: { name: "w", labels: { phase: "done" } }, spec: {} };
  const policy = { k8s: { labels: { phase: "done" } } };
  const outcome = await fire({ kube: plane.client }, { operation: "submit", source: { resource } }, { policy });
  assert.match(outcome.message, /it has the labels of its policy$/);
});

/** Stands for an Argo Server: keeps Workflows by name, as the API behind it would. */
async function startArgoServer(...old: readonly KubeObject[]) {
  const kept = new Map(old.map((one) => [one.metadata.name ?? "", one]));
  const make = (made: KubeObject) => {
    const { name = "" } = made.metadata;
    if (kept.has(name)) return { status: 409, body: '{"message":"already exists"}' };
    kept.set(name, made);
    return { status: 200, body: JSON.stringify(made) };
  };
  const sink: HttpSink = await startAnswering(({ method, path, headers, body }) => {
    if (headers.authorization !== "Bearer t0ken") return { status: 401, body: '{"message":"token not valid"}' };
    const [name = "", operation] = path.split("/").slice(5);
    const { workflow: given, submitOptions } = JSON.parse(body || "{}");
    if (method === "POST" && given) return make(given);
    if (method === "POST") {
      const pairs = (text: string) => Object.fromEntries(text.split(",").map((pair) => pair.split("=")));
      const { name: wanted, labels, annotations } = submitOptions;
      const metadata = { name: wanted, namespace: "team", labels: pairs(labels), annotations: pairs(annotations) };
      return make({ apiVersion, kind: "Workflow", metadata });
    }
    const found = kept.get(name) ?? (operation === "retry" ? workflow(name) : undefined);
    if (!found) return { status: 404, body: `{"message":"workflows \\"${name}\\" not found"}` };
    return { status: 200, body: JSON.stringify(found) };
  });
  return { url: sink.url, requests: sink.requests, kept, [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose]() };
}

const via = (server: { readonly url: string }) => ({
  server: { url: server.url, token: { name: "argo", key: "token" } },
});
const serverSecrets = { "argo/token": "Bearer t0ken" };

for (const [operation, source, args] of [
  ["submit", { resource: workflow("fixed") }, []],
  ["submit-from", named("release", "WorkflowTemplate"), ["--name", "fixed"]],
] as const) {
  test(`by an Argo Server, ${operation} under a fixed name: a repeat is a success, another firing's is none`, async () => {
    await using server = await startArgoServer();
    const spec = { ...via(server), operation, source, args };
    await fire({}, spec, { key: "one" }, serverSecrets);
    await fire({}, spec, { key: "one" }, serverSecrets);
    const another = fire({}, spec, { key: "another" }, serverSecrets);
    await assert.rejects(another, { code: "API_CONFLICT", message: /team\/fixed exists already, and another firing/ });
    assert.deepEqual([...server.kept.keys()], ["fixed"]);
  });
}

test("by an Argo Server, resubmit makes one Workflow however often it is repeated", async () => {
  const metadata = { name: "old", generateName: "build-", namespace: "team", labels: { own: "x" } };
  await using server = await startArgoServer(workflow("old", { metadata, spec: { entrypoint: "main" } }));
  const spec = { ...via(server), operation: "resubmit", source: named("old"), args: ["-p", "a=1"] };
  for (const key of ["one", "one", "two"]) await fire({}, spec, { key }, serverSecrets);
  const [, made, ...others] = [...server.kept.values()];
  assert.equal(others.length, 1);
  assert.match(made?.metadata.name ?? "", /^build-[0-9a-f]{10}$/);
  assert.partialDeepStrictEqual(made?.metadata.labels, {
    own: "x",
    "workflows.argoproj.io/resubmitted-from-workflow": "old",
  });
  assert.deepEqual(made?.spec, { entrypoint: "main", arguments: { parameters: [{ name: "a", value: "1" }] } });
  await fire({}, { ...spec, args: ["--memoized"] }, {}, serverSecrets);
  assert.equal(server.requests.at(-1)?.path, "/api/v1/workflows/team/old/resubmit");
  const gone = fire({}, { ...spec, source: named("gone") }, {}, serverSecrets);
  await assert.rejects(gone, { code: "HTTP_FAILED", message: /GET .*\/gone answered 404: workflows "gone" not found/ });
});

test("an Argo Server does it where one is named, with its token", async () => {
  await using server = await startArgoServer();
  const resource = { apiVersion, kind: "Workflow", metadata: { generateName: "x-" }, spec: {} };
  await fire({}, { ...via(server), operation: "submit", source: { resource } }, {}, serverSecrets);
  const source = named("nightly", "CronWorkflow");
  await fire(
    {},
    { ...via(server), operation: "submit-from", source, args: ["-p", "a=1", "-l", "b=c"] },
    {},
    serverSecrets,
  );
  await fire(
    {},
    { ...via(server), operation: "retry", source: named("w"), args: ["--restart-successful"] },
    {},
    serverSecrets,
  );
  const [create, from, retry] = server.requests.map(({ method, path, body }) => ({
    method,
    path,
    body: JSON.parse(body),
  }));
  assert.equal(`${create?.method} ${create?.path}`, "POST /api/v1/workflows/team");
  assert.match(create?.body.workflow.metadata.name, /^x-[0-9a-f]{10}$/);
  assert.equal(`${from?.method} ${from?.path}`, "POST /api/v1/workflows/team/submit");
  assert.partialDeepStrictEqual(from?.body, { resourceKind: "CronWorkflow", resourceName: "nightly" });
  assert.deepEqual(from?.body.submitOptions.parameters, ["a=1"]);
  assert.match(from?.body.submitOptions.labels, /events.argoproj.io\/sensor=sensor,.*b=c/);
  assert.equal(`${retry?.method} ${retry?.path}`, "PUT /api/v1/workflows/team/w/retry");
  assert.deepEqual(retry?.body, { name: "w", namespace: "team", restartSuccessful: true });
  const gone = fire({}, { ...via(server), operation: "stop", source: named("gone") }, {}, serverSecrets);
  await assert.rejects(gone, { code: "HTTP_FAILED", message: /answered 404: workflows "gone" not found/ });
});
