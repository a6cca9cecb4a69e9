import assert from "node:assert/strict";
import { test } from "node:test";
import { createHookSettings } from "../../../src/controllers/webhooks/hook-settings.ts";
import { openTestPlane } from "../../harness/control-plane.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

function secret(name: string, values: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>> = {}) {
  const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, base64(value)]));
  return { apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "argocd", labels }, data };
}

test("reads argocd-secret, follows references, and sees a change a second later", async () => {
  const clock = createVirtualClock();
  await using plane = await openTestPlane({ clock });
  const kube = plane.client;
  const settings = createHookSettings({ kube, controllerNamespace: "argocd", clock });
  assert.equal((await settings()).secret("webhook.github.secret"), undefined);
  assert.equal((await settings()).maxBytes, 50 * 1024 * 1024);

  const part = { "app.kubernetes.io/part-of": "argocd" };
  await kube.create(secret("hooks", { gitlab: "from-hooks" }, part));
  await kube.create(secret("foreign", { gogs: "not-ours" }));
  await kube.create(
    secret("argocd-secret", {
      "webhook.github.secret": "plain\n",
      "webhook.gitlab.secret": "$hooks:gitlab",
      "webhook.gogs.secret": "$foreign:gogs",
      "webhook.bitbucket.uuid": "$shared",
      "webhook.bitbucketserver.secret": "$nowhere",
      shared: "from-here",
    }),
  );
  const data = { "webhook.maxPayloadSizeMB": "1" };
  await kube.create({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "argocd-cm", namespace: "argocd" },
    data,
  });
  assert.equal((await settings()).secret("webhook.github.secret"), undefined, "it is not asked for every request");
  await clock.advance(1_000);
  const now = await settings();
  const values = ["github.secret", "gitlab.secret", "gogs.secret", "bitbucket.uuid", "bitbucketserver.secret"];
  assert.deepEqual(
    values.map((key) => now.secret(`webhook.${key}`)),
    ["plain", "from-hooks", "$foreign:gogs", "from-here", "$nowhere"],
  );
  assert.equal(now.maxBytes, 1024 * 1024);
});
