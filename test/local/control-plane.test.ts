import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlane, type TestPlane, widgetDefinition } from "../harness/control-plane.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const widgets = "/apis/example.com/v1/namespaces/default/widgets";
const merge = { "content-type": "application/merge-patch+json" };
const map = (name: string, more: object = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, ...more },
  data: { a: "1" },
});
const widget = (name: string, more: object = {}) => ({
  apiVersion: "example.com/v1",
  kind: "Widget",
  metadata: { name },
  spec: { size: 1 },
  ...more,
});

async function withWidgets(): Promise<TestPlane> {
  const test = await openTestPlane();
  const { status } = await test.call(
    "POST",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    widgetDefinition,
  );
  assert.equal(status, 201);
  return test;
}

interface ErrorCase {
  readonly name: string;
  readonly request: readonly [method: string, path: string, body?: unknown, headers?: Record<string, string>];
  readonly status: number;
  readonly reason: string;
  readonly message: RegExp;
}

const errors: readonly ErrorCase[] = [
  {
    name: "no credentials",
    request: ["GET", maps, undefined, { authorization: "" }],
    status: 401,
    reason: "Unauthorized",
    message: /^Unauthorized$/,
  },
  {
    name: "a wrong token",
    request: ["GET", maps, undefined, { authorization: "Bearer x" }],
    status: 401,
    reason: "Unauthorized",
    message: /^Unauthorized$/,
  },
  {
    name: "impersonation without the right",
    request: ["GET", maps, undefined, { authorization: "Bearer bob-token", "impersonate-user": "admin" }],
    status: 403,
    reason: "Forbidden",
    message: /cannot impersonate/,
  },
  {
    name: "an object that is not there",
    request: ["GET", `${maps}/x`],
    status: 404,
    reason: "NotFound",
    message: /^configmaps "x" not found$/,
  },
  {
    name: "a kind that is not there",
    request: ["GET", "/apis/no.such/v1/things"],
    status: 404,
    reason: "NotFound",
    message: /could not find the requested resource/,
  },
  {
    name: "a cluster-scoped kind in a namespace",
    request: ["GET", "/api/v1/namespaces/default/nodes/x"],
    status: 404,
    reason: "NotFound",
    message: /could not find/,
  },
  {
    name: "a namespace that is not there",
    request: ["POST", "/api/v1/namespaces/nope/configmaps", map("x")],
    status: 404,
    reason: "NotFound",
    message: /^namespaces "nope" not found$/,
  },
  {
    name: "an object that exists",
    request: ["POST", maps, map("kept")],
    status: 409,
    reason: "AlreadyExists",
    message: /^configmaps "kept" already exists$/,
  },
  {
    name: "an old resourceVersion",
    request: ["PUT", `${maps}/kept`, map("kept", { resourceVersion: "1" })],
    status: 409,
    reason: "Conflict",
    message: /^Operation cannot be fulfilled on configmaps "kept": the object has been modified/,
  },
  {
    name: "a bad name",
    request: ["POST", maps, map("A_")],
    status: 422,
    reason: "Invalid",
    message: /^ConfigMap "A_" is invalid: metadata.name: Invalid value: "A_": a lowercase RFC 1123 subdomain/,
  },
  {
    name: "an owner without uid",
    request: ["POST", maps, map("x", { ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "kept" }] })],
    status: 422,
    reason: "Invalid",
    message: /metadata.ownerReferences\[0\].uid: Invalid value: "": must not be empty/,
  },
  {
    name: "two controllers",
    request: [
      "POST",
      maps,
      map("x", {
        ownerReferences: ["a", "b"].map((name) => {
          return { apiVersion: "v1", kind: "ConfigMap", name, uid: name, controller: true };
        }),
      }),
    ],
    status: 422,
    reason: "Invalid",
    message: /Only one reference can have Controller set to true. Found "true" in references for a and b/,
  },
  {
    name: "no name",
    request: ["POST", maps, { metadata: {} }],
    status: 422,
    reason: "Invalid",
    message: /name or generateName is required/,
  },
  {
    name: "a bad label",
    request: ["POST", maps, map("x", { labels: { "a b": "" } })],
    status: 422,
    reason: "Invalid",
    message: /metadata.labels: Invalid value: "a b"/,
  },
  {
    name: "data that is no string",
    request: ["POST", maps, { ...map("x"), data: { a: 1 } }],
    status: 400,
    reason: "BadRequest",
    message:
      /^ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string$/,
  },
  {
    name: "another kind than the path's",
    request: ["POST", maps, { ...map("x"), kind: "Secret" }],
    status: 400,
    reason: "BadRequest",
    message: /cannot be handled as a ConfigMap/,
  },
  {
    name: "another namespace than the path's",
    request: ["POST", maps, map("x", { namespace: "other" })],
    status: 400,
    reason: "BadRequest",
    message: /^the namespace of the provided object does not match/,
  },
  {
    name: "another name than the path's",
    request: ["PUT", `${maps}/kept`, map("other")],
    status: 400,
    reason: "BadRequest",
    message: /does not match the name on the URL/,
  },
  {
    name: "a body that is no JSON",
    request: ["POST", maps, "{"],
    status: 400,
    reason: "BadRequest",
    message: /cannot be read/,
  },
  {
    name: "a body nested too deeply",
    request: ["POST", maps, `{"metadata":{"name":"x"},"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}`],
    status: 400,
    reason: "BadRequest",
    message: /exceeded max depth/,
  },
  {
    name: "a body that is too large",
    request: ["POST", maps, `"${"x".repeat(3 * 1024 * 1024)}"`],
    status: 413,
    reason: "RequestEntityTooLarge",
    message: /limit is 3145728/,
  },
  {
    name: "an unknown content type",
    request: ["POST", maps, "x", { "content-type": "text/plain" }],
    status: 415,
    reason: "UnsupportedMediaType",
    message: /accepted media types/,
  },
  {
    name: "a strategic patch of a custom kind",
    request: ["PATCH", `${widgets}/kept`, {}, { "content-type": "application/strategic-merge-patch+json" }],
    status: 415,
    reason: "UnsupportedMediaType",
    message: /accepted media types/,
  },
  {
    name: "a patch that does not apply",
    request: [
      "PATCH",
      `${maps}/kept`,
      [{ op: "remove", path: "/x" }],
      { "content-type": "application/json-patch+json" },
    ],
    status: 422,
    reason: "Invalid",
    message: /nothing at "x"/,
  },
  {
    name: "an apply without a manager",
    request: ["PATCH", `${maps}/kept`, {}, { "content-type": "application/apply-patch+yaml" }],
    status: 422,
    reason: "Invalid",
    message: /fieldManager: Required value/,
  },
  {
    name: "an update of a custom object without a version",
    request: ["PUT", `${widgets}/kept`, widget("kept")],
    status: 422,
    reason: "Invalid",
    message: /resourceVersion: Invalid value: 0: must be specified/,
  },
  {
    name: "a method that a collection lacks",
    request: ["PUT", maps, {}],
    status: 405,
    reason: "MethodNotAllowed",
    message: /does not allow this method/,
  },
  {
    name: "a selector that cannot be read",
    request: ["GET", `${maps}?labelSelector=a%20b`],
    status: 400,
    reason: "BadRequest",
    message: /unable to parse requirement/,
  },
  {
    name: "an unknown dry run",
    request: ["POST", `${maps}?dryRun=Some`, map("x")],
    status: 400,
    reason: "BadRequest",
    message: /dryRun: Unsupported value: "Some"/,
  },
  {
    name: "a list from the future",
    request: ["GET", `${maps}?resourceVersion=999999`],
    status: 504,
    reason: "Timeout",
    message: /^Timeout: Too large resource version: 999999, current: \d+$/,
  },
  {
    name: "an object from the future",
    request: ["GET", `${maps}/kept?resourceVersion=999999`],
    status: 504,
    reason: "Timeout",
    message: /^Timeout: Too large resource version: 999999, current: \d+$/,
  },
  {
    name: "a page with a resource version",
    request: [
      "GET",
      `${maps}?continue=${Buffer.from('{"revision":1,"namespace":"","name":""}').toString("base64url")}&resourceVersion=1`,
    ],
    status: 400,
    reason: "BadRequest",
    message: /not allowed when using continue/,
  },
  {
    name: "a page that nobody offered",
    request: ["GET", `${maps}?continue=x`],
    status: 400,
    reason: "BadRequest",
    message: /^continue key is not valid$/,
  },
  {
    name: "a precondition that does not hold",
    request: ["DELETE", `${maps}/kept`, { preconditions: { uid: "x" } }],
    status: 409,
    reason: "Conflict",
    message: /UID in precondition: x/,
  },
  {
    name: "the namespace default",
    request: ["DELETE", "/api/v1/namespaces/default"],
    status: 403,
    reason: "Forbidden",
    message: /may not be deleted/,
  },
];

test("mistakes get the status and reason of a real server", async (context) => {
  await using plane = await withWidgets();
  assert.equal((await plane.call("POST", maps, map("kept"))).status, 201);
  assert.equal((await plane.call("POST", widgets, widget("kept"))).status, 201);
  for (const { name, request, status, reason, message } of errors) {
    await context.test(name, async () => {
      const answer = await plane.call(...request);
      assert.deepEqual([answer.status, answer.body.reason, answer.body.kind], [status, reason, "Status"]);
      assert.match(answer.body.message, message);
    });
  }
});

test("the server owns uid, times, versions and generation", async () => {
  await using plane = await withWidgets();
  const created = (await plane.call("POST", widgets, widget("w", { status: { phase: "Sent" } }))).body;
  assert.equal(created.status, undefined);
  assert.equal(created.metadata.generation, 1);
  assert.match(created.metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const forged = { metadata: { uid: created.metadata.uid, generation: 9, creationTimestamp: null }, spec: { size: 2 } };
  const changed = (await plane.call("PATCH", `${widgets}/w`, forged, merge)).body;
  assert.equal(changed.metadata.generation, 2);
  assert.equal(changed.metadata.creationTimestamp, created.metadata.creationTimestamp);
  const status = (
    await plane.call("PATCH", `${widgets}/w/status`, { spec: { size: 9 }, status: { phase: "Ready" } }, merge)
  ).body;
  assert.deepEqual([status.spec.size, status.status.phase, status.metadata.generation], [2, "Ready", 2]);
  const again = (await plane.call("PATCH", `${widgets}/w/status`, { status: { phase: "Ready" } }, merge)).body;
  assert.equal(again.metadata.resourceVersion, status.metadata.resourceVersion, "nothing changed, nothing is written");
});

test("an object with finalizers waits for them", async () => {
  await using plane = await openTestPlane();
  await plane.call("POST", maps, map("a", { finalizers: ["example.com/hold"] }));
  const waiting = (await plane.call("DELETE", `${maps}/a`)).body;
  assert.equal(typeof waiting.metadata.deletionTimestamp, "string");
  assert.equal((await plane.call("GET", `${maps}/a`)).status, 200);
  await plane.call("PATCH", `${maps}/a`, { metadata: { finalizers: null } }, merge);
  assert.equal((await plane.call("GET", `${maps}/a`)).status, 404);
});

test("the namespaces of a cluster and that of Applications are there from the start", async () => {
  await using plane = await openTestPlane();
  const { body } = await plane.call("GET", "/api/v1/namespaces");
  const names = body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
  assert.deepEqual(names.sort(), ["argocd", "default", "kube-node-lease", "kube-public", "kube-system"]);
  const { status } = await plane.call("POST", "/api/v1/namespaces/argocd/configmaps", map("x"));
  assert.equal(status, 201);
});

test("a namespace goes with its content, the last finalizer lets it go", async () => {
  await using plane = await openTestPlane();
  await plane.call("POST", "/api/v1/namespaces", { metadata: { name: "shop" } });
  const path = "/api/v1/namespaces/shop/configmaps";
  await plane.call("POST", path, map("plain"));
  await plane.call("POST", path, map("held", { finalizers: ["example.com/hold"] }));
  assert.equal((await plane.call("DELETE", "/api/v1/namespaces/shop")).body.status.phase, "Terminating");
  assert.equal((await plane.call("GET", `${path}/plain`)).status, 404);
  assert.equal((await plane.call("POST", path, map("late"))).status, 403);
  assert.equal((await plane.call("GET", "/api/v1/namespaces/shop")).status, 200);
  await plane.call("PATCH", `${path}/held`, { metadata: { finalizers: [] } }, merge);
  assert.equal((await plane.call("GET", "/api/v1/namespaces/shop")).status, 404);
});

test("a definition serves its versions at once, and takes its objects along", async () => {
  await using plane = await withWidgets();
  await plane.call("POST", widgets, widget("w"));
  const other = await plane.call("GET", widgets.replace("/v1/", "/v1beta1/"));
  assert.equal(other.body.items[0].apiVersion, "example.com/v1beta1");
  const definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com";
  const conditions = (await plane.call("GET", definition)).body.status.conditions;
  assert.ok(
    conditions.some(
      (condition: { type: string; status: string }) => condition.type === "Established" && condition.status === "True",
    ),
  );
  await plane.call("DELETE", definition);
  assert.equal((await plane.call("GET", widgets)).status, 404);
  await plane.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", widgetDefinition);
  assert.deepEqual((await plane.call("GET", widgets)).body.items, []);
});

test("lists come in pages, and select by labels and fields", async () => {
  await using plane = await openTestPlane();
  for (const name of ["a", "b", "c", "d", "e"]) {
    await plane.call("POST", maps, map(name, { labels: { odd: String("ace".includes(name)) } }));
  }
  const names: string[] = [];
  let next = "";
  do {
    const page = (await plane.call("GET", `${maps}?limit=2&continue=${next}`)).body;
    assert.ok(page.items.length <= 2);
    names.push(...page.items.map((item: { metadata: { name: string } }) => item.metadata.name));
    next = page.metadata.continue ?? "";
  } while (next !== "");
  assert.deepEqual(names, ["a", "b", "c", "d", "e"]);
  assert.equal((await plane.call("GET", `${maps}?labelSelector=odd%3Dtrue`)).body.items.length, 3);
  assert.equal((await plane.call("GET", `${maps}?fieldSelector=metadata.name%3Db`)).body.items.length, 1);
  await plane.call("DELETE", `${maps}?labelSelector=odd%3Dtrue`);
  assert.equal((await plane.call("GET", maps)).body.items.length, 2);
});

test("a dry run answers with the metadata alone where that is asked for, a write with all", async () => {
  await using plane = await openTestPlane();
  const accept = { accept: "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json" };
  const headers = { ...accept, "content-type": "application/apply-patch+yaml" };
  const apply = async (data: string, query: string) => {
    const path = `${maps}/a?fieldManager=test${query}`;
    const { status, body } = await plane.call("PATCH", path, { ...map("a"), data: { a: data } }, headers);
    return [status, body.kind, body.metadata.name, body.data?.a];
  };
  assert.deepEqual(await apply("1", "&dryRun=All"), [201, "PartialObjectMetadata", "a", undefined]);
  assert.deepEqual(await apply("1", ""), [201, "ConfigMap", "a", "1"]);
  assert.deepEqual(await apply("1", "&dryRun=All"), [200, "PartialObjectMetadata", "a", undefined]);
  assert.deepEqual(await apply("2", "&dryRun=All"), [200, "PartialObjectMetadata", "a", undefined]);
  assert.deepEqual(await apply("3", ""), [200, "ConfigMap", "a", "3"]);
});

test("a dry run stores nothing", async () => {
  await using plane = await openTestPlane();
  assert.equal((await plane.call("POST", `${maps}?dryRun=All`, map("a"))).status, 201);
  assert.equal((await plane.call("GET", `${maps}/a`)).status, 404);
  await plane.call("POST", maps, map("a"));
  const changed = await plane.call("PATCH", `${maps}/a?dryRun=All`, { data: { a: "2" } }, merge);
  assert.equal(changed.body.data.a, "2");
  await plane.call("DELETE", `${maps}/a?dryRun=All`);
  assert.equal((await plane.call("GET", `${maps}/a`)).body.data.a, "1");
});

test("server-side apply creates, removes what is given up, and repeating it changes nothing", async () => {
  await using plane = await openTestPlane();
  const apply = (data: object) =>
    plane.call(
      "PATCH",
      `${maps}/a?fieldManager=me`,
      { apiVersion: "v1", kind: "ConfigMap", data },
      { "content-type": "application/apply-patch+yaml" },
    );
  const first = await apply({ a: "1" });
  assert.equal(first.status, 201);
  const second = await apply({ b: "2" });
  assert.deepEqual([second.status, second.body.data], [200, { b: "2" }]);
  assert.equal(second.body.metadata.managedFields[0].manager, "me");
  assert.equal((await apply({ b: "2" })).body.metadata.resourceVersion, second.body.metadata.resourceVersion);
});

test("stringData of a secret becomes data", async () => {
  await using plane = await openTestPlane();
  const secret = { metadata: { name: "s" }, stringData: { password: "hunter2" } };
  const { body } = await plane.call("POST", "/api/v1/namespaces/default/secrets", secret);
  assert.deepEqual([body.data, body.type, body.stringData], [{ password: "aHVudGVyMg==" }, "Opaque", undefined]);
});

test("admission denies and warns, and sees the old object", async () => {
  const seen: string[] = [];
  await using plane = await openTestPlane({
    admission: ({ operation, object, old }) => {
      seen.push(`${operation} ${object.metadata.name} ${old ? "old" : "new"}`);
      return object.metadata.name === "bad" ? { denied: "spec.x: no" } : { warnings: ['a "quoted" hint'] };
    },
  });
  const denied = await plane.call("POST", maps, map("bad"));
  assert.equal(denied.status, 400);
  assert.match(denied.body.message, /^admission webhook "validate.tiphys.io" denied the request: spec.x: no$/);
  const warned = await plane.call("POST", maps, map("good"));
  assert.equal(warned.headers.get("warning"), '299 - "a \\"quoted\\" hint"');
  await plane.call("PATCH", `${maps}/good`, { data: { a: "2" } }, merge);
  await plane.call("DELETE", `${maps}/good`);
  assert.deepEqual(seen, ["CREATE bad new", "CREATE good new", "UPDATE good old", "DELETE good new"]);
});

test("generateName finds a free name", async () => {
  await using plane = await openTestPlane();
  const { body } = await plane.call("POST", maps, { metadata: { generateName: "job-" } });
  assert.match(body.metadata.name, /^job-[a-z0-9]{5}$/);
});
