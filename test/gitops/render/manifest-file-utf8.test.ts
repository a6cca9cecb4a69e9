import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import type { ApplicationSource } from "../../../src/api/application-types.ts";
import { renderToolsMissing } from "../../harness/render-tools.ts";
import { chart } from "./charts.ts";
import { namesOf, shareRenderRig } from "./rig.ts";

const skip = renderToolsMissing("helm", "kustomize", "jsonnet");
const map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
/** `%` stands for a byte that no UTF-8 has. */
const bytesOf = (text: string): Buffer => Buffer.from(text.replaceAll("%", "\xff"), "latin1");

describe("bytes", () => {
  const emptied = shareRenderRig(["helm", "kustomize", "jsonnet"]);

  for (const [name, files, bad, source, message] of [
    [
      "a manifest",
      {},
      { "app/m.yaml": `${map}data: {v: "%"}\n` },
      {},
      /^Failed to unmarshal "m\.yaml": byte 62 \(line 4, column 12\) is 0xff/,
    ],
    [
      "a value file",
      chart,
      { "app/prod.yaml": 'a: "%"\n' },
      { helm: { valueFiles: ["prod.yaml"] } },
      /^Failed to unmarshal "app\/prod\.yaml": byte 4 /,
    ],
    [
      "what a template puts into its output",
      { ...chart, "app/templates/f.yaml": `${map}data: {v: "{{ .Files.Get "blob" }}"}\n` },
      { "app/blob": "%" },
      {},
      /invalid leading UTF-8 octet|the output of `helm template \.` is no text: byte \d+/,
    ],
    [
      "a resource of a kustomization",
      { "app/kustomization.yaml": "resources: [m.yaml]\n" },
      { "app/m.yaml": `${map}data: {v: "%"}\n` },
      {},
      /invalid leading UTF-8 octet in File: m\.yaml/,
    ],
    ["jsonnet", {}, { "app/a.jsonnet": '{kind: "A", v: "%"}' }, {}, /"a\.jsonnet": byte 16 /],
    [
      "a jsonnet library",
      { "app/a.jsonnet": 'import "l.libsonnet"' },
      { "app/l.libsonnet": '{kind: "%"}' },
      {},
      /"app\/l\.libsonnet": byte 8 /,
    ],
    [
      "a text that jsonnet imports",
      { "app/a.jsonnet": '{kind: "A", v: importstr "t.txt"}' },
      { "app/t.txt": "%" },
      {},
      /"app\/t\.txt": byte 0 /,
    ],
    [
      "an override",
      { "app/m.yaml": map },
      { "app/.argocd-source.yaml": "x: %" },
      {},
      /"app\/\.argocd-source\.yaml": byte 3 /,
    ],
  ] as const satisfies readonly (readonly [
    string,
    Readonly<Record<string, string>>,
    Readonly<Record<string, string>>,
    Partial<ApplicationSource>,
    RegExp,
  ])[]) {
    test(`bytes that are no UTF-8 never become other text: ${name}`, { skip }, async () => {
      const rig = await emptied();
      for (const [path, text] of Object.entries(bad)) {
        await mkdir(dirname(join(rig.repository.path, path)), { recursive: true });
        await writeFile(join(rig.repository.path, path), bytesOf(text));
      }
      const commit = await rig.repository.commit(files);
      await assert.rejects(rig.render(commit, source), { code: "RENDER_FAILED", message });
    });
  }

  test("bytes that are meant as such are: importbin, an image beside manifests, files of a generator", {
    skip,
  }, async () => {
    const rig = await emptied();
    await rig.repository.commit({ "app/m.yaml": map, "app/b.png": "", "app/b.jsonnet": "" });
    await writeFile(join(rig.repository.path, "app/b.png"), bytesOf("%PNG"));
    const jsonnet = '{kind: "A", metadata: {name: "bin"}, v: importbin "b.png"}';
    const commit = await rig.repository.commit({ "app/b.jsonnet": jsonnet });
    assert.deepEqual(namesOf(await rig.render(commit, { directory: { disableExtensionFilter: true } })), ["bin", "a"]);
    const generator =
      "configMapGenerator: [{name: g, files: [b.png]}]\ngeneratorOptions: {disableNameSuffixHash: true}\n";
    const kustomized = await rig.repository.commit({ "app/kustomization.yaml": generator });
    const { manifests } = await rig.render(kustomized);
    assert.deepEqual(manifests[0]?.binaryData, { "b.png": bytesOf("%PNG").toString("base64") });
  });
});
