import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { followSettings } from "../../../src/controllers/applications/resource-settings.ts";
import { createWatchCache } from "../../../src/kube/watch-cache.ts";
import { openTestPlane } from "../../harness/control-plane.ts";
import { waitFor } from "../../harness/wait.ts";

test("settings of comparisons follow both ConfigMaps, and nobody is told of keys that are others' concern", async () => {
  await using plane = await openTestPlane();
  const { client } = plane;
  const kind = { apiVersion: "v1", kind: "ConfigMap" };
  const cache = createWatchCache({
    client,
    kind,
    options: { namespace: "argocd" },
    clock: systemClock,
    log: silentLogger,
  });
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  await cache.synced;
  let changes = 0;
  const read = followSettings({
    cache,
    namespace: "argocd",
    clock: systemClock,
    log: silentLogger,
    onChange: () => void changes++,
  });
  assert.deepEqual([read().resources.diffsOnServer, read().resources.impersonation], [false, "off"]);
  const write = (name: string, data: Record<string, string>) =>
    client.create({ ...kind, metadata: { name, namespace: "argocd" }, data });
  await write("argocd-cmd-params-cm", { "controller.diff.server.side": "true", "controller.status.processors": "5" });
  await waitFor("the flag", () => read().resources.diffsOnServer || undefined);
  await write("other", { "controller.diff.server.side": "false" });
  await write("argocd-cm", { "application.sync.impersonation.enabled": "true", url: "https://x" });
  await waitFor("both", () => read().resources.impersonation === "enforced" || undefined);
  assert.deepEqual([read().resources.diffsOnServer, changes], [true, 2]);
  await client.patch({ ...kind, namespace: "argocd", name: "argocd-cmd-params-cm" }, "application/merge-patch+json", {
    data: { "controller.diff.server.side": null, "controller.status.processors": "9" },
  });
  await waitFor("the default", () => !read().resources.diffsOnServer || undefined);
  assert.equal(changes, 3);
  stop.abort();
  await running;
});
