import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApplicationSource } from "../../../src/api/application-types.ts";
import { pluginEnvironment } from "../../../src/gitops/render/plugin.ts";
import { parsePlugins } from "../../../src/gitops/render/plugin-config.ts";
import { anonymousAccess } from "../../../src/gitops/source/source.ts";
import { refuse, startDoor } from "../source/door.ts";
import { openSources } from "../source/rig.ts";
import { type Files, namesOf, openRenderRig } from "./rig.ts";

const object = (name: string): string => `{apiVersion: v1, kind: ConfigMap, metadata: {name: "${name}"}}`;

/** A plugin that writes one object of its name, and what it says about itself. */
function plugin(name: string, discover = "", more = ""): string {
  return `apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata: {name: ${name}}
spec:
  generate: {command: [sh, -c], args: ['echo "${object(`${name}-$ARGOCD_APP_NAME`).replaceAll('"', "")}"']}
  ${discover}
  ${more}
`;
}

interface Case {
  readonly name: string;
  readonly plugins: readonly string[];
  readonly files: Files;
  readonly source: Partial<ApplicationSource>;
  readonly expected: readonly string[] | RegExp;
}

const plain: Files = { "app/a.yaml": object("plain"), "app/deep/x.cue": "x" };

const cases: readonly Case[] = [
  {
    name: "the one that is named",
    plugins: [plugin("one"), plugin("two")],
    files: plain,
    source: { plugin: { name: "two" } },
    expected: ["two-web"],
  },
  {
    name: "its version is part of its name",
    plugins: [plugin("one", "version: v1.0")],
    files: plain,
    source: { plugin: { name: "one-v1.0" } },
    expected: ["one-web"],
  },
  {
    name: "one that finds its file by name",
    plugins: [plugin("one", "discover: {fileName: './*.toml'}"), plugin("two", "discover: {fileName: a.yaml}")],
    files: plain,
    source: {},
    expected: ["two-web"],
  },
  {
    name: "one that finds a file by a glob",
    plugins: [plugin("one", "discover: {find: {glob: '**/*.cue'}}")],
    files: plain,
    source: {},
    expected: ["one-web"],
  },
  {
    name: "one whose command finds something",
    plugins: [
      plugin("one", "discover: {find: {command: [sh, -c, 'ls *.toml']}}"),
      plugin("two", "discover: {find: {command: [ls]}}"),
    ],
    files: plain,
    source: {},
    expected: ["two-web"],
  },
  {
    name: "none, where none finds anything",
    plugins: [plugin("one", "discover: {fileName: '*.toml'}"), plugin("two")],
    files: plain,
    source: {},
    expected: ["plain"],
  },
  {
    name: "the first that fits, for a block without a name",
    plugins: [plugin("one", "discover: {fileName: a.yaml}")],
    files: plain,
    source: { plugin: {} },
    expected: ["one-web"],
  },
  {
    name: "after init",
    plugins: [
      plugin("one", "init: {command: [sh, -c, 'echo made > made.txt']}").replace(
        'echo "',
        'cat made.txt >/dev/null && echo "',
      ),
    ],
    files: plain,
    source: { plugin: { name: "one" } },
    expected: ["one-web"],
  },
  {
    name: "a name that is not declared",
    plugins: [plugin("one")],
    files: plain,
    source: { plugin: { name: "other" } },
    expected: /^there is no plugin "other"; .*: one$/,
  },
  {
    name: "any, where none is declared",
    plugins: [],
    files: plain,
    source: { plugin: { name: "one" } },
    expected: /^there is no plugin "one"; plugins are declared in the engine's configuration only: none$/,
  },
  {
    name: "one that does not accept the source",
    plugins: [plugin("one", "discover: {fileName: '*.toml'}")],
    files: plain,
    source: { plugin: { name: "one" } },
    expected: /^the plugin "one" does not accept the source/,
  },
  {
    name: "one that fails",
    plugins: [plugin("one").replace("echo ", "echo broken >&2; exit 4; echo ")],
    files: plain,
    source: { plugin: { name: "one" } },
    expected: /^`one generate` failed exit status 4: broken$/,
  },
  {
    name: "one whose program is missing",
    plugins: [plugin("one").replace("[sh, -c]", "[/none]")],
    files: plain,
    source: { plugin: { name: "one" } },
    expected: /one generate cannot be started: "\/none" is not installed/,
  },
];

for (const { name, plugins, files, source, expected } of cases) {
  test(`plugins: ${name}`, async () => {
    await using rig = await openRenderRig([], {
      plugins: plugins.flatMap((text) => parsePlugins(text, "plugins.yaml")),
    });
    const rendered = rig.render(await rig.repository.commit(files), source);
    if (expected instanceof RegExp) await assert.rejects(rendered, { message: expected });
    else assert.deepEqual(namesOf(await rendered), expected);
  });
}

test("a plugin's result is one commit's", async () => {
  await using rig = await openRenderRig([], { plugins: parsePlugins(plugin("one"), "f") });
  const source = { plugin: { name: "one" } };
  const first = await rig.repository.commit(plain);
  await rig.render(first, source);
  await rig.render(first, source);
  assert.equal(rig.cache.made, 1);
  await rig.render(await rig.repository.commit({ "unrelated.txt": "x" }), source);
  assert.equal(rig.cache.made, 2);
});

test("a plugin's commands see the source's variables and parameters as the original's do", () => {
  const parameters = [
    { name: "my-text", string: "a" },
    { name: "list", array: ["x", "y"] },
    { name: "map", map: { "a.b": "1" } },
  ];
  const announced = {
    parameters: [
      { name: "my-text", string: "default" },
      { name: "other", string: "default" },
    ],
  };
  const env = pluginEnvironment(
    { variable: () => "value", environment: () => ({ ARGOCD_APP_NAME: "web" }) },
    announced,
    { env: [{ name: "WHO", value: "<$X>" }], parameters },
  );
  assert.deepEqual(env, {
    ARGOCD_APP_NAME: "web",
    ARGOCD_ENV_WHO: "<value>",
    ARGOCD_APP_PARAMETERS: JSON.stringify(parameters),
    PARAM_MY_TEXT: "a",
    PARAM_OTHER: "default",
    PARAM_LIST_0: "x",
    PARAM_LIST_1: "y",
    PARAM_MAP_A_B: "1",
  });
});

test("a plugin is told of the cluster, and runs again when that changes", async () => {
  const text = plugin("one").replace("one-$ARGOCD_APP_NAME", "v$KUBE_VERSION.$(echo $KUBE_API_VERSIONS | tr , +)");
  await using rig = await openRenderRig([], { plugins: parsePlugins(text, "f") });
  const commit = await rig.repository.commit(plain);
  const render = (kubeVersion: string) =>
    rig.render(
      commit,
      { plugin: { name: "one" } },
      { versions: async () => ({ kubeVersion, apiVersions: ["apps/v1", "v1"] }) },
    );
  assert.deepEqual(namesOf(await render("v1.32.3+k3s1")), ["v1.32.3.apps/v1+v1"]);
  assert.deepEqual(namesOf(await render("v1.33.0")), ["v1.33.0.apps/v1+v1"]);
});

test("with provideGitCreds, Git in a plugin's command reads the source's repository; without, it does not", async () => {
  const login = { username: "me", password: "pa ss:wörd" };
  const expected = `Basic ${Buffer.from("me:pa ss:wörd").toString("base64")}`;
  await using door = await startDoor((request, response) => {
    return request.headers.authorization === expected || refuse(response);
  });
  await using git = await openSources({
    access: (url) => (url === door.url ? { ...anonymousAccess, basic: login } : anonymousAccess),
  });
  const look = "git ls-remote $ARGOCD_APP_SOURCE_REPO_URL main";
  const text = (more: string): string => plugin("one", more).replace("echo ", `${look} >/dev/null && echo `);
  const discover = `discover: {find: {command: [sh, -c], args: [${look}]}}`;
  for (const [more, outcome] of [
    ["provideGitCreds: true", ["one-web"]],
    ["", /could not read Username|Authentication failed|terminal prompts disabled/],
    [`${discover}\n  provideGitCreds: true`, ["one-web"]],
    [discover, /the plugin "one" does not accept the source: its discovery finds nothing/],
  ] as const) {
    await using rig = await openRenderRig([], { plugins: parsePlugins(text(more), "f"), git: git.sources });
    const source = { plugin: { name: "one" }, repoURL: door.url };
    const rendered = rig.render(await rig.repository.commit(plain), source);
    if (outcome instanceof RegExp) await assert.rejects(rendered, { message: outcome });
    else assert.deepEqual(namesOf(await rendered), outcome);
  }
});
