import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { compileJq } from "../../src/base/jq/jq.ts";
import type { JsonAnswer } from "../harness/answer.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { tarGz } from "../harness/tar.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

const secret = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "keys", annotations: { "team/token": "very-sensitive" } },
  data: { key: Buffer.from("very-secret").toString("base64") },
};

const inOther = { server: "https://kubernetes.default.svc", namespace: "kube-public" };

/** One engine for all: each test leaves what it found. */
let scenario: GitOpsScenario;

before(async () => {
  scenario = await GitOpsScenario.start({
    repositories: { shop: { "map.json": configMap("map", "one"), "keys.json": secret } },
    manifests: (urlOf) => [
      application("web", urlOf("shop")),
      application("by-hand", urlOf("shop"), { syncPolicy: {}, destination: inOther }, { labels: { team: "ops" } }),
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "argocd-cm", namespace: "argocd" },
        data: { "resource.sensitive.mask.annotations": "team/token" },
      },
    ],
  });
  await scenario.waitForSynced("web");
});

after(() => scenario[Symbol.asyncDispose]());
failOnLeakedChildren();

async function ask(path: string, init: RequestInit = {}): Promise<JsonAnswer> {
  const response = await scenario.engine.api(path, init);
  return { status: response.status, body: await response.json() };
}

const json = (method: string, body: unknown): RequestInit => ({
  method,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

const at = "/api/v1/applications";

test("what is asked of an Application, in Argo CD's shapes", async () => {
  const manifests = (await ask(`${at}/web/manifests`)).body;
  assert.deepEqual(
    [manifests.manifests.map((text: string) => JSON.parse(text).kind).sort(), manifests.sourceType, manifests.server],
    [["ConfigMap", "Secret"], "Directory", "https://kubernetes.default.svc"],
  );
  assert.match(manifests.revision, /^[0-9a-f]{40}$/);

  const managed = (await ask(`${at}/web/managed-resources?kind=ConfigMap`)).body.items;
  assert.equal(managed.length, 1);
  const [{ liveState, targetState, normalizedLiveState, predictedLiveState, ...item }] = managed;
  assert.deepEqual([item.kind, item.namespace, item.name, item.modified], ["ConfigMap", "default", "map", false]);
  for (const state of [liveState, targetState, normalizedLiveState, predictedLiveState]) {
    assert.equal(JSON.parse(state).data.value, "one");
  }

  const tree = (await ask(`${at}/web/resource-tree`)).body;
  assert.deepEqual(
    tree.nodes
      .map(({ kind, version, namespace, name }: Record<string, string>) => [kind, version, namespace, name])
      .sort(),
    [
      ["ConfigMap", "v1", "default", "map"],
      ["Secret", "v1", "default", "keys"],
    ],
  );
  assert.deepEqual([tree.orphanedNodes, tree.shardsCount], [[], 1]);

  const object = "resourceName=map&namespace=default&group=&version=v1&kind=ConfigMap";
  const { manifest } = (await ask(`${at}/web/resource?${object}`)).body;
  assert.equal(JSON.parse(manifest).data.value, "one");
  const metadata = (await ask(`${at}/web/revisions/${manifests.revision}/metadata`)).body;
  assert.deepEqual(Object.keys(metadata), ["author", "date", "message"]);
  assert.equal((await ask(`${at}/web/events`)).body.kind, "EventList");
});

test("manifests of files that are sent, in place of the repository's", async () => {
  const files = (value: string, name = "map.json") =>
    tarGz([{ name, content: JSON.stringify(configMap("map", value)) }]);
  const sent = async (archive: Buffer, query: object = { name: "web" }): Promise<JsonAnswer> => {
    const halves = [archive.subarray(0, 50), archive.subarray(50)];
    const chunks = halves.map((half) => ({ chunk: { chunk: half.toString("base64") } }));
    const body = [{ query }, ...chunks].map((line) => JSON.stringify(line)).join("\n");
    const headers = { "content-type": "application/json" };
    return ask(`${at}/manifestsWithFiles`, { method: "POST", headers, body });
  };
  const { status, body } = await sent(files("sent"));
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual(
    body.manifests.map((text: string) => JSON.parse(text).data),
    [{ value: "sent" }],
  );
  assert.deepEqual([body.sourceType, body.namespace, body.revision], ["Directory", "default", ""]);
  const refusals: readonly (readonly [answer: JsonAnswer, status: number, error: RegExp])[] = [
    [await sent(files("sent"), { name: "none" }), 404, /"none" not found/],
    [await sent(files("sent"), { name: "web", checksum: "abc" }), 400, /query\.checksum: "abc" is not the SHA-256/],
    [await sent(files("sent", "../map.json")), 400, /leads out|\.\./],
    [await sent(Buffer.from("no archive")), 400, /./],
    [await ask(`${at}/manifestsWithFiles`, json("POST", { name: "web" })), 400, /^the first line must be/],
  ];
  for (const [answer, wanted, error] of refusals) {
    assert.equal(answer.status, wanted, JSON.stringify(answer.body));
    assert.match(answer.body.error, error);
  }
  const { manifests } = (await ask(`${at}/web/manifests`)).body;
  assert.equal(manifests.length, 2, "what the repository says is not touched");
});

test("values of Secrets are in no answer", async () => {
  const values = ["very-secret", secret.data.key, "very-sensitive"];
  // kubectl notes the whole object in an annotation.
  const { data: _data, ...plain } = { ...secret, metadata: { ...secret.metadata, namespace: "default" } };
  await scenario.kubectl(["apply", "-f", "-"], { ...plain, stringData: { key: "very-secret" } });
  for (const path of [
    "manifests",
    "managed-resources",
    "resource-tree",
    "resource?resourceName=keys&namespace=default&version=v1&kind=Secret",
  ]) {
    const text = await (await scenario.engine.api(`${at}/web/${path}`)).text();
    for (const value of values) assert.equal(text.includes(value), false, path);
  }
});

const refusals: readonly (readonly [path: string, init: RequestInit, status: number, code: number, error: RegExp])[] = [
  [`${at}/none`, {}, 404, 5, /"none" not found/],
  [`${at}/web`, json("PATCH", { patch: "[", patchType: "json" }), 400, 3, /^patch: /],
  [`${at}/web`, json("PATCH", { patch: "{}", patchType: "odd" }), 400, 3, /Patch type 'odd' is not supported/],
  [`${at}/web?cascade=maybe`, { method: "DELETE" }, 400, 3, /cascade: "maybe" must be true or false/],
  [`${at}/web?propagationPolicy=odd`, { method: "DELETE" }, 400, 3, /invalid propagation policy: odd/],
  [at, { method: "POST", body: "a=b", headers: { "content-type": "text/plain" } }, 415, 3, /Invalid content type/],
  [at, json("POST", {}), 400, 3, /metadata\.name: must be given/],
  [at, json("POST", { metadata: { name: "x" }, spec: { source: 1 } }), 400, 3, /application spec for x is invalid/],
  [`${at}/web`, json("PUT", { metadata: { name: "other" } }), 400, 3, /must be that of the path/],
  [`${at}/web/spec`, json("PUT", { project: "none" }), 400, 3, /is invalid/],
  [`${at}/web/rollback`, json("POST", { id: 7 }), 400, 3, /does not have deployment id 7 in history/],
  [`${at}/web/operation`, { method: "DELETE" }, 400, 3, /No operation is in progress/],
  [
    `${at}/web/resource?resourceName=kube-root&kind=ConfigMap&version=v1`,
    {},
    400,
    3,
    /not found as part of application web/,
  ],
  [`${at}/web/manifests?revision=none`, {}, 400, 3, /none/],
  ["/api/v1/projects/none", {}, 404, 5, /"none" not found/],
  [
    "/api/v1/projects",
    json("POST", { project: { metadata: { name: "p" }, spec: { sourceRepos: ["!*"] } } }),
    400,
    3,
    /!\*/,
  ],
  ["/api/v1/clusters", json("POST", { server: "ftp://x" }), 400, 3, /server: "ftp:\/\/x" must be a URL/],
  ["/api/v1/repositories", json("POST", {}), 400, 3, /repo: must be given/],
];

test("refusals have the shape of the gateway", async () => {
  for (const [path, init, status, code, error] of refusals) {
    const { body, ...answer } = await ask(path, init);
    assert.deepEqual([answer.status, body.code], [status, code], `${path} ${JSON.stringify(body)}`);
    assert.match(body.error, error, path);
    assert.equal(body.message, body.error, path);
  }
});

test("what is open, and a session for who has the token", async () => {
  const { server } = scenario.engine.endpoints;
  const open = async (path: string, init?: RequestInit): Promise<JsonAnswer> => {
    const response = await fetch(server + path, init);
    return { status: response.status, body: await response.json() };
  };
  assert.match((await open("/api/version")).body.Version, /^v\d/);
  const reduced = await open("/api/v1/settings");
  assert.deepEqual(
    [reduced.status, reduced.body.userLoginsDisabled, reduced.body.trackingMethod],
    [200, false, undefined],
  );
  const wrong = await open("/api/v1/session", json("POST", { username: "admin", password: "no" }));
  assert.deepEqual([wrong.status, wrong.body.code, wrong.body.error], [401, 16, "Invalid username or password"]);
  const password = (await readFile(scenario.engine.endpoints.token, "utf8")).trim();
  const session = await open("/api/v1/session", json("POST", { username: "admin", password }));
  assert.deepEqual([session.status, session.body], [200, { token: password }]);
  const who = (await ask("/api/v1/session/userinfo")).body;
  assert.deepEqual(who, { loggedIn: true, username: "admin", iss: "argocd", groups: [] });
  const settings = (await ask("/api/v1/settings")).body;
  assert.deepEqual([settings.controllerNamespace, settings.trackingMethod], ["argocd", "annotation"]);
});

/** Lines of a stream, as they come. */
async function* linesOf(
  response: Response,
): AsyncIterable<{ result: { type: string; application: { metadata: { name: string } } } }> {
  let rest = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) yield JSON.parse(part);
  }
}

test("a stream tells what is there, and what comes and goes", async () => {
  const stop = new AbortController();
  const response = await scenario.engine.api("/api/v1/stream/applications", { signal: stop.signal });
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { result } of linesOf(response)) seen.push(`${result.type} ${result.application.metadata.name}`);
  })().catch(() => undefined);
  await waitFor("what is there", () => seen.includes("ADDED web"));
  const made = application("api", scenario.urlOf("shop"), { syncPolicy: {} });
  assert.equal((await ask(at, json("POST", made))).status, 200);
  await waitFor("what is new", () => seen.includes("ADDED api") && seen.includes("MODIFIED api"));
  assert.deepEqual((await ask(`${at}/api?cascade=false`, { method: "DELETE" })).body, {});
  await waitFor("what is gone", () => seen.includes("DELETED api"));
  stop.abort();
  await reading;
  const few = await scenario.engine.api(
    "/api/v1/stream/applications?name=web&fields=result.type,result.application.metadata.name",
    {
      signal: AbortSignal.timeout(20_000),
    },
  );
  for await (const line of linesOf(few)) {
    assert.deepEqual(line, { result: { type: "ADDED", application: { metadata: { name: "web" } } } });
    break;
  }
  const tree = await scenario.engine.api("/api/v1/stream/applications/web/resource-tree", {
    headers: { accept: "text/event-stream" },
    signal: AbortSignal.timeout(20_000),
  });
  const reader = tree.body!.getReader();
  const { value } = await reader.read();
  assert.match(new TextDecoder().decode(value), /^data: \{"result":\{"nodes":\[/);
  await reader.cancel();
});

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const inTrace = (init: RequestInit): RequestInit => ({
  ...init,
  headers: { ...init.headers, traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
});

/** What people's scripts do: `curl PATH | jq -r FILTER`. Dates have to be such that jq reads them. */
const scripts: readonly (readonly [what: string, path: string, filter: string, wanted: RegExp, init?: RequestInit])[] =
  [
    ["names of all", `${at}?fields=items.metadata.name`, '[.items[].metadata.name] | join(" ")', /^by-hand web$/],
    ["those of a label", `${at}?selector=team%3Dops`, ".items[] | .metadata.name", /^by-hand$/],
    ["those of projects", `${at}?projects=default&projects=x`, ".items | length", /^2$/],
    ["none of another namespace", `${at}?appNamespace=team-a`, ".items | length", /^0$/],
    ["one of its namespace", `${at}/web?appNamespace=argocd`, ".metadata.namespace", /^argocd$/],
    ["a page", `${at}?limit=1`, '"\\(.items[].metadata.name) \\(.metadata.remainingItemCount)"', /^by-hand 1$/],
    [
      "what is not as it should be",
      at,
      '.items[] | select(.status.sync.status != "Synced") | "\\(.metadata.name) \\(.status.sync.status)"',
      /^by-hand OutOfSync$/,
    ],
    ["state after a hard refresh", `${at}/web?refresh=hard`, ".status.sync.status", /^Synced$/],
    [
      "is it healthy",
      `${at}/web`,
      "[.status.health.status, .status.operationState.phase] | @csv",
      /"Healthy","Succeeded"/,
    ],
    ["images", `${at}/web/resource-tree`, '[.nodes[] | select(.kind == "ConfigMap") | .name] | .[0]', /^map$/],
    [
      "kinds in Git",
      `${at}/web/manifests`,
      '[.manifests[] | fromjson | .kind] | sort | join(",")',
      /^ConfigMap,Secret$/,
    ],
    ["when it was deployed", `${at}/web`, ".status.history[-1].deployedAt | fromdate > 0", /^true$/],
    [
      "the age of clusters' states",
      "/api/v1/clusters",
      ".items[0].info.connectionState.attemptedAt | fromdate > 0",
      /^true$/,
    ],
    ["the windows", `${at}/web/syncwindows`, ".canSync", /^true$/],
    ["may I", "/api/v1/account/can-i/applications/sync/default/web", ".value", /^yes$/],
    ["a dry run", `${at}/by-hand/sync`, ".operation.sync.dryRun", /^true$/, inTrace(json("POST", { dryRun: true }))],
    ["an error", `${at}/none`, '"\\(.code) \\(.error == .message)"', /^5 true$/],
    [
      "a tree's first level",
      `${at}/web/resource-tree?depth=1`,
      '[.nodes[] | "\\(.kind) \\(.childCount)"] | sort | join(",")',
      /^ConfigMap 0,Secret 0$/,
    ],
    ["bad depth", `${at}/web/resource-tree?depth=x`, ".message", /^depth: "x" must be a whole number$/],
    ["bad limit", `${at}?limit=x`, ".message", /^limit: "x" must be 0 to 10000$/],
    ["bad page", `${at}?continue=x`, ".message", /^continue: "x" must be what the page before it gave$/],
  ];

test("scripts of curl and jq find what they look for", async () => {
  const { revision } = (await ask(`${at}/web/manifests`)).body;
  const commit = [
    "a commit's date",
    `${at}/web/revisions/${revision}/metadata`,
    ".date | fromdate > 0",
    /^true$/,
  ] as const;
  for (const [what, path, filter, wanted, init] of [...scripts, commit]) {
    const { body } = await ask(path, init);
    const found = [...compileJq(filter).run(body)].map((one) => (typeof one === "string" ? one : JSON.stringify(one)));
    assert.match(found.join("\n"), wanted, `${what}: ${JSON.stringify(body).slice(0, 500)}`);
  }
  const traced = await waitFor("the sync of the trace", async () => {
    const { status, body } = await ask(`/api/v1/tiphys/trace/${traceId}`);
    return status === 200 && body.self.record;
  });
  assert.deepEqual([traced.kind, traced.application.name, traced.options], ["sync", "by-hand", ["dry run"]]);
  const again = await ask(`${at}/by-hand/sync`, json("POST", {}));
  if (again.status !== 200) assert.deepEqual([again.status, again.body.code], [400, 9], "FailedPrecondition");
});

test("pages of Applications are whole together, though some come and go", async () => {
  const first = (await ask(`${at}?limit=1`)).body;
  const rest = (await ask(`${at}?limit=1&continue=${first.metadata.continue}`)).body;
  assert.deepEqual(
    [...first.items, ...rest.items].map(({ metadata }) => metadata.name),
    ["by-hand", "web"],
  );
  assert.deepEqual([rest.metadata.continue, rest.metadata.remainingItemCount], [undefined, undefined]);
  const after = Buffer.from(JSON.stringify(["gone", "argocd"])).toString("base64url");
  assert.equal((await ask(`${at}?limit=1&continue=${after}`)).body.items[0].metadata.name, "web");
});
