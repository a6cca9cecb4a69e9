import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { parseEventSource } from "../../src/api/event-source.ts";
import { parseManifests } from "../../src/api/manifest.ts";
import { parseSensor } from "../../src/api/sensor.ts";
import { formatProblems } from "../../src/base/schema.ts";
import { sourceSchemas } from "../../src/events/sources/registry.ts";
import { triggerSchemas } from "../../src/events/triggers/registry.ts";

const folder = join(import.meta.dirname, "../../../shared/fixtures/argo-events");
const skip = existsSync(folder) ? false : "the folder of manifests that others wrote is not here";
const triggers = triggerSchemas();
const plain = (word: string, exact: string) =>
  `${JSON.stringify(word)} is found anywhere in the text: what has more before or behind it passes, too; ` +
  `for exactly this write \`${exact}\``;
const noEffect = "unknown field, it has no effect";

/** What is wrong with the manifests as shipped, beside kinds that are not supported yet. */
const expected: Readonly<Record<string, readonly string[]>> = {
  "event-sources/github.yaml": [
    "spec.github.example-without-api-credentials.owner: is deprecated: use repositories",
    "spec.github.example-without-api-credentials.repository: is deprecated: use repositories",
  ],
  "event-sources/storage-grid.yaml": ['spec.storageGrid.example.webhook.url: "event-source-url" must be a URL'],
  "sensors/file.yaml": [
    "spec.triggers[0].retryStrategy: Argo Events ignores it without atLeastOnce: true, Tiphys retries",
  ],
  "sensors/filter-with-data-simple-1.yaml": [
    `spec.dependencies[0].filters.data[0].value: ${plain("hello", "^(hello|hey)$")}`,
  ],
  "sensors/filter-with-multiple-filters-mixed.yaml": [
    "spec.dependencies[0].filtersLogicalOperator: an error in exprs or data, as a path that is not there, discards the event though another kind passes",
    `spec.dependencies[0].filters.data[0].value: ${plain("b", "^b$")}`,
  ],
  "sensors/gitlab-emoji.yaml": [
    `spec.dependencies[0].filters.data[0].value: ${plain("emoji", "^emoji$")}`,
    "spec.triggers[0].template.log.intervalSeconds: has no effect: each event is logged",
  ],
  "sensors/http-trigger.yaml": [
    "spec.triggers[0].retryStrategy: Argo Events ignores it without atLeastOnce: true, Tiphys retries",
  ],
  "sensors/log.yaml": ["spec.triggers[0].template.log.intervalSeconds: has no effect: each event is logged"],
  "sensors/resource.yaml": [
    "spec.triggers[0].retryStrategy: Argo Events ignores it without atLeastOnce: true, Tiphys retries",
  ],
  "sensors/sftp.yaml": [
    "spec.triggers[0].retryStrategy: Argo Events ignores it without atLeastOnce: true, Tiphys retries",
  ],
  "sensors/trigger-with-policy.yaml": [
    `spec.triggers[0].template.policy: ${noEffect}; belongs one level up: \`spec.triggers[0].policy\``,
    "spec.errorOnFailedRound: has no effect, in Argo Events neither: a failure stops nothing",
  ],
  "sensors/url-sensor.yaml": [
    `spec.triggers[0].template.k8s.source.url.verifycert: ${noEffect}; did you mean \`verifyCert\`?`,
    "spec.triggers[0].template.k8s.source.url: Argo Events does not verify the server's certificate; set `verifyCert: true`",
    "spec.triggers[0].retryStrategy: Argo Events ignores it without atLeastOnce: true, Tiphys retries",
  ],
  "tutorials/03-trigger-sources/sensor-cm.yaml": [
    `spec.triggers[0].template.k8s.source.configmap.namespace: ${noEffect}`,
  ],
  "tutorials/06-trigger-conditions/minio-event-source.yaml": [`spec.type: ${noEffect}`],
};

for (const path of skip ? [] : globSync(`${folder}/**/*.{yaml,yml}`).sort()) {
  const name = relative(folder, path);
  test(`${name} is accepted with exactly the warnings expected`, () => {
    const warnings = parseManifests(readFileSync(path, "utf8"), name).flatMap(({ object }) => {
      assert.ok(object.kind === "Sensor" || object.kind === "EventSource", `kind ${String(object.kind)}`);
      return object.kind === "Sensor"
        ? parseSensor(object, triggers).warnings
        : parseEventSource(object, sourceSchemas()).warnings;
    });
    const others = warnings.filter((warning) => warning.message !== "is not supported yet");
    assert.deepEqual(
      others.map((problem) => formatProblems([problem])),
      expected[name] ?? [],
    );
  });
}

test("there are manifests that others wrote", { skip }, () => {
  assert.ok(globSync(`${folder}/**/*.{yaml,yml}`).length > 50);
});
