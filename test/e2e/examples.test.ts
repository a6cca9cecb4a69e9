import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { parseManifests } from "../../src/api/manifest.ts";
import { renderDirectory } from "../../src/gitops/render/directory.ts";
import { readSeedFiles } from "../../src/local/seed-files.ts";
import { readFiles } from "../architecture/scan.ts";

const root = join(import.meta.dirname, "..", "..");

for (const { path, text } of readFiles(root, ["examples/**/*.yaml"])) {
  test(`${path} parses`, () => assert.ok(parseManifests(text, path).length > 0));
}

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
