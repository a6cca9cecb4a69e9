import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePlugins } from "../../../src/gitops/render/plugin-config.ts";

const head = "kind: ConfigManagementPlugin\nmetadata: {name: x}\n";

for (const [name, text, message] of [
  ["another kind", "kind: Pod", "f.yaml:1: a document of kind ConfigManagementPlugin was expected"],
  ["no name", "kind: ConfigManagementPlugin\nspec: {}", "f.yaml:1: metadata.name: a name is missing"],
  ["no spec", head, "f.yaml:1: spec: is missing"],
  ["no command", `${head}spec: {generate: {}}`, "f.yaml:1: spec.generate: command: must be a list of texts, not empty"],
  [
    "a command that is a text",
    `${head}spec: {generate: {command: ls}}`,
    "f.yaml:1: spec.generate: command: must be a list of texts, not empty",
  ],
  [
    "odd arguments",
    `${head}spec: {generate: {command: [ls], args: [1]}}`,
    "f.yaml:1: spec.generate: args: must be a list of texts",
  ],
  [
    "a broken discovery",
    `${head}spec: {generate: {command: [ls]}, discover: {find: {command: []}}}`,
    "f.yaml:1: spec.discover.find: command: must be a list of texts, not empty",
  ],
] as const) {
  test(`a file of plugins is refused: ${name}`, () => {
    assert.throws(() => parsePlugins(text, "f.yaml"), { code: "CONFIG_INVALID", message });
  });
}

test("several plugins stand in one file", () => {
  const one = `${head}spec: {generate: {command: [ls]}}\n`;
  const plugins = parsePlugins(`${one}---\n${one.replace("name: x", "name: second")}---\n`, "f.yaml");
  assert.deepEqual(
    plugins.map(({ name }) => name),
    ["x", "second"],
  );
});
