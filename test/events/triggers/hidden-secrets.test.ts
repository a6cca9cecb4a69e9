import assert from "node:assert/strict";
import { test } from "node:test";
import { createSecretHider } from "../../../src/events/triggers/hidden-secrets.ts";
import { objectPreview } from "../../../src/events/triggers/object-preview.ts";

const password = "hunter2-and-more";
const base64 = Buffer.from(password).toString("base64");
const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s" } };
const ref = { apiVersion: "v1", kind: "Secret", name: "s", namespace: "team" };
const asText = JSON.stringify({ ...secret, data: { p: base64 } });
const asYaml = `apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  p: ${password}\n`;
const lastApplied = { "kubectl.kubernetes.io/last-applied-configuration": asText };

for (const [where, plan, left] of [
  ["a Secret's data", { object: { ...secret, data: { p: base64 } } }, "sha256:"],
  ["a Secret's stringData", { object: { ...secret, stringData: { p: password } } }, "sha256:"],
  ["values that are no texts", { object: { ...secret, stringData: { p: [password] } } }, "sha256:"],
  ["what kubectl noted", { object: { ...secret, metadata: { name: "s", annotations: lastApplied } } }, '\\"name\\"'],
  ["a JSON patch of a Secret", { ref, patch: [{ op: "add", path: "/data/p", value: base64 }] }, "/data/p"],
  ["the body of a request", { body: asText }, "Secret"],
  ["a Secret inside of a body", { body: JSON.stringify({ event: JSON.parse(asText) }) }, "event"],
  ["a Secret as YAML in a ConfigMap", { object: { kind: "ConfigMap", data: { "s.yaml": asYaml } } }, "name: s"],
  ["a whole event, its data in base64", { body: { data: Buffer.from(asText).toString("base64") } }, "sha256:"],
  ["half a Secret as text", { body: asText.slice(0, -1) }, "sha256:"],
  ["a header of credentials", { headers: { Authorization: `Bearer ${password}`, accept: "a" } }, '"accept":"a"'],
  ["an API key", { headers: { "X-Api-Key": password } }, "sha256:"],
  ["the password of a URL", { url: `amqp://me:${password}@mq:5672/` }, "amqp://me:sha256:"],
  ["a token as a URL's user", { url: `https://${password}@git.example.com/a` }, "@git.example.com/a"],
  ["an address without a scheme", { url: `a:4222,me:${password}@nats:4222` }, "me:sha256:"],
  ["a token in a query", { url: `https://x/hook?a=1&access_token=${password}#f` }, "?a=1&access_token=sha256:"],
  [
    "a place beside a Secret",
    { object: { ...secret, stringData: { p: password } }, note: `is ${password}!` },
    "is sha",
  ],
] as const) {
  test(`hides ${where}`, () => {
    const text = JSON.stringify(createSecretHider().hide(plan));
    assert.ok(!text.includes(password) && !text.includes(base64), text);
    assert.ok(text.includes(left), text);
  });
}

test("leaves what is no secret", () => {
  const plan = {
    url: "https://example.com:8080/a?ref=main",
    headers: { "Content-Type": "a", "X-Author": "me" },
    image: `nginx:1.2@sha256:${"4".repeat(64)}`,
    body: '{"kind":"Secret"}',
    list: [1, true, null, "ssh://git@example.com/x"],
    object: { apiVersion: "v1", kind: "ConfigMap", data: { p: base64 } },
  };
  assert.deepEqual(createSecretHider().hide(plan), plan);
});

test("what was read of a Secret is hidden in every text, a change of it is seen", () => {
  const hider = createSecretHider();
  hider.learn(`${password}\n`);
  hider.learn("a");
  const text = hider.text(`denied: ${password} is a bad token`);
  assert.match(text, /^denied: sha256:[0-9a-f]{16} is a bad token$/);
  const other = createSecretHider();
  other.learn("another-secret");
  assert.notEqual(other.text("denied: another-secret is a bad token"), text);
});

test("a preview of a Secret shows hashes, also of what kubectl noted", () => {
  const live = { ...secret, metadata: { name: "s", annotations: lastApplied }, data: { p: base64 } };
  const { summary, diff = [] } = objectPreview(ref, live, undefined);
  assert.equal(summary, "would delete v1/Secret/team/s");
  assert.ok(diff.length > 5 && !diff.join("\n").includes(base64), diff.join("\n"));
  const changed = objectPreview(ref, live, { ...live, data: { p: "b3RoZXI=" } });
  assert.equal(changed.diff?.filter((line) => /^[+-] {2}p: sha256:/.test(line)).length, 2, changed.diff?.join("\n"));
});
