import assert from "node:assert/strict";
import { test } from "node:test";
import { hashPassword } from "../../../src/base/bcrypt.ts";
import { systemClock } from "../../../src/base/clock.ts";
import type { EngineError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { createAccess } from "../../../src/server/access/access.ts";
import { signToken } from "../../../src/server/access/json-web-token.ts";
import { gitOpsCrds } from "../../../src/validate/crds.ts";
import { openTestPlane } from "../../harness/control-plane.ts";
import { type Applications, applicationObject, openApplications } from "../applications.ts";

const key = "signing-key";

/** The API with `argocd-cm` as it is given, an account for each policy line, and alice with a password. */
async function openAccess(settings: Readonly<Record<string, string>>, lines: readonly string[], password = "") {
  await using stack = new AsyncDisposableStack();
  const { client } = stack.use(await openTestPlane());
  for (const crd of gitOpsCrds()) await client.create(crd as never);
  const create = (kind: string, name: string, data: Readonly<Record<string, string>>) =>
    client.create({ apiVersion: "v1", kind, metadata: { namespace: "argocd", name }, data } as never);
  await client
    .create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "argocd" } } as never)
    .catch(() => undefined);
  const names = ["nobody", ...lines.map((_, index) => `u${index}`)];
  const accounts = Object.fromEntries(names.map((name) => [`accounts.${name}`, "apiKey"]));
  await create("ConfigMap", "argocd-cm", { ...accounts, "accounts.alice": "login", ...settings });
  const policy = lines.map((right, index) => `p, u${index}, applications, ${right}, team/web, allow`);
  await create("ConfigMap", "argocd-rbac-cm", { "policy.csv": policy.join("\n") });
  const tokens = names.map((name): [string, string] => [`accounts.${name}.tokens`, `[{"id":"one","iat":1}]`]);
  const secret: Readonly<Record<string, string>> = {
    "server.secretkey": key,
    ...Object.fromEntries(tokens),
    "accounts.alice.password": password,
  };
  const encoded = Object.entries(secret).map(([name, text]) => [name, Buffer.from(text).toString("base64")]);
  await create("Secret", "argocd-secret", Object.fromEntries(encoded));
  const none = () => Promise.reject(new Error("not asked"));
  const web = applicationObject("argocd", "web", { spec: { project: "team" } });
  const api: Applications = stack.use(
    await openApplications([web], {
      control: { kube: client, clusters: () => [], testRepository: none },
      edits: { create: none, change: none, delete: none, terminate: none },
    }),
  );
  const owned = stack.move();
  return {
    kube: client,
    async ask(user: number, method: string, path: string, body?: object): Promise<number> {
      const claims = { iss: "argocd", sub: `u${user}:apiKey`, jti: "one", iat: 1 };
      const headers = {
        authorization: `Bearer ${signToken(claims, Buffer.from(key))}`,
        "content-type": "application/json",
      };
      const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      const response = await fetch(`${api.url}/api/v1/applications/web${path}`, init);
      await response.text();
      return response.status;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const rollbackSetting = "server.rbac.rollback.enforce.enable";
const overrideSetting = "application.sync.requireOverridePrivilegeForRevisionSync";
const inheritanceSetting = "server.rbac.disableApplicationFineGrainedRBACInheritance";
const object = "/resource?group=apps&version=v1&kind=Deployment&namespace=x&resourceName=web";
const rollback = ["POST", "/rollback", { id: 1 }] as const;
const revision = ["POST", "/sync", { revision: "other" }] as const;
const manifests = ["POST", "/sync", { manifests: ["{}"] }] as const;
const update = ["POST", object, {}] as const;
const remove = ["DELETE", object] as const;

/** Under one setting: what an account with a right alone may, and may not. */
const table: readonly (readonly [
  setting: string,
  value: string | undefined,
  request: readonly [method: string, path: string, body?: object],
  right: string,
  isAllowed: boolean,
])[] = [
  [rollbackSetting, undefined, rollback, "sync", true],
  [rollbackSetting, "false", rollback, "sync", true],
  [rollbackSetting, "true", rollback, "sync", false],
  [rollbackSetting, "true", rollback, "rollback", true],
  [overrideSetting, undefined, revision, "sync", true],
  [overrideSetting, "true", revision, "sync", false],
  [overrideSetting, "true", ["POST", "/sync", { revisions: ["other"] }], "sync", false],
  [overrideSetting, "true", ["POST", "/sync", {}], "sync", true],
  [overrideSetting, "true", ["POST", "/sync", { revision: "HEAD" }], "sync", true],
  [overrideSetting, "true", revision, "override", false],
  [overrideSetting, undefined, manifests, "sync", false],
  [inheritanceSetting, undefined, update, "update", false],
  [inheritanceSetting, "true", update, "update", false],
  [inheritanceSetting, "false", update, "update", true],
  [inheritanceSetting, "false", remove, "delete", true],
  [inheritanceSetting, "false", remove, "update", false],
  [inheritanceSetting, undefined, update, "update/*", true],
  [inheritanceSetting, "false", update, "update/apps/Deployment/x/web", true],
];

for (const [key, rows] of Map.groupBy(table, ([setting, value]) => `${setting}: ${value}`)) {
  test(`rights under ${key}`, async () => {
    const [[setting, value] = ["", undefined]] = rows;
    const settings = value === undefined ? {} : { [setting]: value };
    await using access = await openAccess(
      settings,
      rows.map(([, , , right]) => right),
    );
    for (const [index, [, , [method, path, body], right, isAllowed]] of rows.entries()) {
      const status = await access.ask(index, method, path, body);
      assert.equal(status !== 403, isAllowed, `${method} ${path} with ${right}: HTTP ${status}`);
      assert.notEqual(status, 401);
    }
  });
}

test("what overrides needs both rights: to sync, and to override", async () => {
  await using access = await openAccess({ [overrideSetting]: "true" }, ["sync"]);
  assert.equal(await access.ask(0, ...revision), 403);
  await using both = await openAccess({ [overrideSetting]: "true" }, ["*"]);
  assert.notEqual(await both.ask(0, ...revision), 403);
});

test("wrong passwords that come at once are no more than those one after the other", async () => {
  await using opened = await openAccess({}, [], await hashPassword("right", 4));
  const access = createAccess({ token: "t", kube: opened.kube, clock: systemClock, log: silentLogger });
  const guesses = [...Array.from({ length: 9 }, (_, n) => `wrong ${n}`), "right"];
  const answers = await Promise.allSettled(guesses.map((guess) => access.checkPassword("alice", guess)));
  assert.equal(answers.at(-1)?.status, "rejected", "the right one comes after five that are wrong");
});

test("passwords wait for their turn, and no more than fifty at once", async () => {
  await using opened = await openAccess({}, [], await hashPassword("right", 4));
  const access = createAccess({ token: "t", kube: opened.kube, clock: systemClock, log: silentLogger });
  const answers = await Promise.allSettled(Array.from({ length: 60 }, () => access.checkPassword("alice", "right")));
  const refused = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason as EngineError] : []));
  assert.deepEqual(new Set(refused.map(({ code }) => code)), new Set(["TOO_MANY_LOGINS"]));
  assert.equal(refused.length, 10);
  assert.equal((await access.checkPassword("alice", "right")).name, "alice");
});
