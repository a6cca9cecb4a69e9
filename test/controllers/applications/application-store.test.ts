import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../../src/base/errors.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { createApplicationStore } from "../../../src/controllers/applications/application-store.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { createCache } from "../fakes.ts";

const signal = new AbortController().signal;
const key = "argocd/web";

function application(resourceVersion: string, uid = "one", labels: Record<string, string> = {}): KubeObject {
  const metadata = { namespace: "argocd", name: "web", uid, resourceVersion, labels };
  return { apiVersion: "argoproj.io/v1alpha1", kind: "Application", metadata };
}

/** An API whose answers to patches a test gives, in any order. */
function open(first = application("10")) {
  const watch = createCache();
  watch.set(first);
  const sent: { readonly body: unknown; readonly answer: (object: KubeObject | Error) => void }[] = [];
  const patch: KubeClient["patch"] = (_ref, _type, body) =>
    new Promise((resolve, reject) => {
      sent.push({ body, answer: (object) => (object instanceof Error ? reject(object) : resolve(object)) });
    });
  const store = createApplicationStore(watch.cache, { patch } as KubeClient);
  const version = (): string | undefined => store.find(key)?.metadata.resourceVersion;
  return { watch, store, sent, version };
}

const status: JsonObject = { status: { a: 1 } };

test("our own write counts until the watch has caught up", async () => {
  const { watch, store, sent, version } = open();
  const written = store.patch(key, status, signal);
  sent[0]?.answer(application("12"));
  await written;
  assert.equal(version(), "12");
  watch.set(application("11"));
  assert.equal(version(), "12");
  watch.set(application("13"));
  assert.equal(version(), "13");
});

test("answers that come in another order than the writes do not go back in time", async () => {
  const { store, sent, version } = open();
  const both = [store.patch(key, status, signal), store.patch(key, status, signal)];
  sent[1]?.answer(application("12"));
  await both[1];
  sent[0]?.answer(application("11"));
  await both[0];
  assert.equal(version(), "12");
});

test("versions are compared as numbers", async () => {
  const { watch, store, sent, version } = open(application("9"));
  const written = store.patch(key, status, signal);
  sent[0]?.answer(application("10"));
  await written;
  watch.set(application("9"));
  assert.equal(version(), "10");
});

test("one that was deleted, or made anew, is what the watch says", async () => {
  const { watch, store, sent, version } = open();
  const written = store.patch(key, status, signal);
  sent[0]?.answer(application("12"));
  await written;
  watch.set(application("5", "two"));
  assert.equal(version(), "5");
  watch.delete(application("5", "two"));
  assert.equal(store.find(key), undefined);
});

test("the answer about one that was made anew meanwhile is not taken for it", async () => {
  const { watch, store, sent, version } = open();
  const written = store.patch(key, status, signal);
  watch.set(application("11", "two"));
  sent[0]?.answer(application("12", "one"));
  await written;
  assert.equal(version(), "11");
});

test("says undefined for one that is gone, and passes other errors on", async () => {
  const { store, sent } = open();
  const gone = store.patch(key, status, signal);
  sent[0]?.answer(new EngineError("API_NOT_FOUND", "gone"));
  assert.equal(await gone, undefined);
  const conflict = store.patch(key, status, signal, "10");
  sent[1]?.answer(new EngineError("API_CONFLICT", "changed"));
  await assert.rejects(conflict, { code: "API_CONFLICT" });
  assert.deepEqual(sent[1]?.body, { ...status, metadata: { resourceVersion: "10" } });
});
