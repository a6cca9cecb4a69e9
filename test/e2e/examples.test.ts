import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseApplication } from "../../src/api/application.ts";
import { parseManifests } from "../../src/api/manifest.ts";
import { renderDirectory } from "../../src/gitops/render/directory.ts";
import { readSeedFiles } from "../../src/local/seed-files.ts";
import { readFiles } from "../architecture/scan.ts";

const root = join(import.meta.dirname, "..", "..");

for (const { path, text } of readFiles(root, ["examples/**/*.yaml"])) {
  test(`${path} parses`, () => assert.ok(parseManifests(text, path).length > 0));
}

test("the quickstart's Application follows a repository beside it, and nothing in it is in doubt", () => {
  const file = "examples/quickstart/application.yaml";
  const [manifest, ...more] = parseManifests(readFileSync(join(root, file), "utf8"), file);
  assert.equal(more.length, 0);
  const { resource, warnings } = parseApplication(manifest?.object);
  assert.deepEqual(warnings, []);
  const [source] = resource.sources;
  const name = /^http:\/\/127\.0\.0\.1:8418\/(.+)\.git$/.exec(source?.repoURL ?? "")?.[1] ?? "";
  assert.ok(readdirSync(join(root, "examples/quickstart/repositories")).includes(name));
  assert.partialDeepStrictEqual(resource.syncPolicy, { automated: { prune: true, selfHeal: true } });
});

test("the quickstart's repository renders to a Deployment and the Service in front of it", async () => {
  const { files } = await readSeedFiles(join(root, "examples/quickstart/repositories/guestbook"));
  const sources = Object.entries(files).map(([path, content]) => ({
    path,
    text: Buffer.from(content).toString("utf8"),
  }));
  const objects = renderDirectory(sources).map(({ object }) => object);
  assert.equal(objects.length, 2);
  const metadata = { name: "guestbook-ui" };
  const labels = { app: "guestbook-ui" };
  const template = { metadata: { labels }, spec: { containers: [{ image: "nginx:1.29" }] } };
  const deployment = {
    kind: "Deployment",
    metadata,
    spec: { replicas: 2, selector: { matchLabels: labels }, template },
  };
  const service = { kind: "Service", metadata, spec: { selector: labels } };
  assert.partialDeepStrictEqual(objects, [deployment, service]);
});
