import assert from "node:assert/strict";
import { test } from "node:test";
import { hashPassword } from "../../../src/base/bcrypt.ts";
import { gitOpsCrds } from "../../../src/validate/crds.ts";
import { openTestPlane } from "../../harness/control-plane.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { openApplications } from "../applications.ts";

const minuteMs = 60_000;

test("a page stays logged in while it is used: its cookie is renewed in the last five minutes", async () => {
  await using plane = await openTestPlane();
  const { client: kube } = plane;
  for (const crd of gitOpsCrds()) await kube.create(crd as never);
  await kube.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "argocd" } }).catch(() => undefined);
  const make = (kind: string, name: string, data: object) =>
    kube.create({ apiVersion: "v1", kind, metadata: { namespace: "argocd", name }, data } as never);
  await make("ConfigMap", "argocd-cm", { "accounts.alice": "login", "users.session.duration": "1h" });
  const hash = Buffer.from(await hashPassword("secret-password")).toString("base64");
  await make("Secret", "argocd-secret", { "accounts.alice.password": hash });
  const clock = createVirtualClock();
  const control = { kube, clusters: () => [], testRepository: () => Promise.reject(new Error("not asked")) };
  await using server = await openApplications([], { control, clock });
  const login = fetch(`${server.url}/api/v1/session`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: "alice", password: "secret-password" }),
  });
  let done = false;
  void login.finally(() => {
    done = true;
  });
  while (!done) {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(10);
  }
  const cookieOf = (response: Response): string | undefined =>
    /argocd\.token=[^;]+/.exec(response.headers.get("set-cookie") ?? "")?.[0];
  const cookie = cookieOf(await login) ?? "";
  const ask = (headers: Record<string, string>) => fetch(`${server.url}/api/v1/account`, { headers });
  await clock.advance(50 * minuteMs);
  assert.equal(cookieOf(await ask({ cookie })), undefined, "it lasts ten more minutes");
  await clock.advance(6 * minuteMs);
  const bearer = await ask({ authorization: `Bearer ${cookie.replace("argocd.token=", "")}` });
  assert.deepEqual([bearer.status, cookieOf(bearer)], [200, undefined], "a header is kept by whoever sends it");
  const renewed = cookieOf(await ask({ cookie })) ?? "";
  assert.notEqual(renewed, "");
  assert.notEqual(renewed, cookie);
  await clock.advance(10 * minuteMs);
  assert.equal((await ask({ cookie })).status, 401);
  assert.equal((await ask({ cookie: renewed })).status, 200);
});
