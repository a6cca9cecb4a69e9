import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { gitlabSource } from "../../../src/events/sources/gitlab.ts";
import { startHookApi } from "../../harness/hook-api.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";
import { serveSource } from "./served-source.ts";

const fixtures = join(import.meta.dirname, "../../../../shared/fixtures/webhooks");
const skip = existsSync(fixtures) ? false : "the folder of payloads that others wrote is not here";
const base: JsonObject = {
  webhook: { endpoint: "/push", port: "0" },
  projects: ["1"],
  events: ["PushEvents"],
  gitlabBaseURL: "https://gitlab.example.com",
  accessToken: { name: "s", key: "token" },
  secretToken: { name: "s", key: "secret" },
};
const secrets = { "s/token": "t1", "s/secret": "swordfish" };
const headers = { "content-type": "application/json", "X-Gitlab-Token": "swordfish", "X-Gitlab-Event": "Push Hook" };

for (const name of ["gitlab-event", "gitlab-merge-request-open-event"]) {
  test(`the body of ${name}.json is taken as it is`, { skip }, async () => {
    await using source = await serveSource(gitlabSource, { ...base, metadata: { a: "b" } }, secrets);
    const body = readFileSync(join(fixtures, `${name}.json`), "utf8");
    const answer = await source.send({ body, headers: { ...headers, "Idempotency-Key": "f5e5f430" } });
    assert.deepEqual([answer.status, answer.text], [200, "success"]);
    const [draft] = source.context.emitted;
    assert.equal(draft?.id, "default/es/e@f5e5f430");
    const data = draft?.data as JsonObject;
    assert.deepEqual(Object.keys(data), ["headers", "body", "metadata"]);
    assert.equal(JSON.stringify(data.body), JSON.stringify(JSON.parse(body)));
    assert.deepEqual((data.headers as JsonObject)["X-Gitlab-Event"], ["Push Hook"]);
  });
}

const refusals: readonly (readonly [string, Record<string, string>, string, string])[] = [
  ["no token", { "content-type": "application/json" }, "{}", "token mismatch"],
  ["another token", { ...headers, "X-Gitlab-Token": "x" }, "{}", "token mismatch"],
  ["no JSON", headers, "{", "invalid event"],
  ["JSON that is nested without end", headers, `{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`, "invalid event"],
];
for (const [what, sent, body, wanted] of refusals) {
  test(`a request with ${what} is refused, though no hook is registered`, async () => {
    await using source = await serveSource(gitlabSource, base, secrets);
    const answer = await source.send({ body, headers: sent });
    assert.deepEqual([answer.status, answer.text], [400, wanted]);
    assert.equal(source.context.emitted.length, 0);
    assert.equal(source.context.failed.count, 1);
  });
}

test("hooks of groups and projects are registered, mended and removed", async () => {
  await using api = await startHookApi({
    header: "private-token",
    token: "t1",
    prefix: "/api/v4",
    updateMethod: "PUT",
  });
  const clock = createVirtualClock();
  const spec: JsonObject = {
    ...base,
    webhook: { endpoint: "push", port: "0", url: "https://hooks.example.com" },
    projects: ["team/app"],
    groups: ["9"],
    events: ["MergeRequestsEvents", "ConfidentialIssuesEvents"],
    gitlabBaseURL: api.url,
    enableSSLVerification: true,
    deleteHookOnFinish: true,
  };
  const own: Record<string, string> = { ...secrets };
  await using source = await serveSource(gitlabSource, spec, own, { clock });
  await waitFor("both hooks", () => api.writes.length === 2);
  const wanted = {
    url: "https://hooks.example.com/push",
    push_events: false,
    merge_requests_events: true,
    confidential_issues_events: true,
    enable_ssl_verification: true,
    token: "swordfish",
  };
  assert.deepEqual(api.writes, [
    { method: "POST", path: "/api/v4/groups/9/hooks", body: wanted },
    { method: "POST", path: "/api/v4/projects/team%2Fapp/hooks", body: wanted },
  ]);
  await waitFor("the keeper to sleep", () => clock.sleeping > 0);
  own["s/secret"] = "new";
  Object.assign(api.hooks.get("/groups/9")?.[0] ?? {}, { job_events: true });
  await clock.advance(60_000);
  await waitFor("both to be mended", () => api.writes.length === 4);
  assert.deepEqual(api.writes[2], {
    method: "PUT",
    path: "/api/v4/groups/9/hooks/1",
    body: {
      ...{ job_events: false, merge_requests_events: true, confidential_issues_events: true },
      ...wanted,
      token: "new",
    },
  });
  await source.stop();
  assert.deepEqual([...api.hooks.values()], [[], []]);
});
