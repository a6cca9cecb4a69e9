import assert from "node:assert/strict";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();
const skip = kubectlMissing() ?? false;

async function mapValue(scenario: GitOpsScenario, name: string): Promise<unknown> {
  return ((await scenario.find("configmap", name)) as unknown as { data: { value: string } } | undefined)?.data.value;
}

const withLabel = (name: string, value: string): object => {
  const map = configMap(name, value) as { metadata: object };
  return { ...map, metadata: { ...map.metadata, labels: { part: name } } };
};

test("what a folder says is shown, compared and synced instead of the source", { skip }, async () => {
  await using dir = await tempDir();
  await using scenario = await GitOpsScenario.start({
    repositories: { shop: { "deploy/a.json": withLabel("one", "git"), "deploy/b.json": withLabel("two", "git") } },
    manifests: (urlOf) => [
      application("web", urlOf("shop"), {
        syncPolicy: {},
        source: { repoURL: urlOf("shop"), path: "deploy", targetRevision: "HEAD" },
        ignoreDifferences: [{ kind: "ConfigMap", jsonPointers: ["/data/tuned"] }],
      }),
    ],
  });
  const cli = (line: string) => scenario.engine.cli(line.split(" ").map((word) => word.replace("DIR", dir.path)));
  const labelled = await cli("app sync web --label part=one");
  assert.equal(labelled.code, 0, labelled.stderr);
  assert.deepEqual([await mapValue(scenario, "one"), await mapValue(scenario, "two")], ["git", undefined]);
  const none = await cli("app sync web --label part=none");
  assert.deepEqual([none.code, /has the label part=none/.test(none.stderr)], [1, true]);

  await mkdir(join(dir.path, "deploy"));
  const one = { ...withLabel("one", "local"), data: { value: "local", tuned: "1" } };
  await writeFile(join(dir.path, "deploy", "a.json"), JSON.stringify(one));
  const local = "--local DIR/deploy --local-repo-root DIR";
  assert.match((await cli(`app manifests web ${local}`)).stdout, /value: local/);
  const diff = await cli(`app diff web ${local}`);
  assert.deepEqual(
    [diff.code, /- {2}value: git\n\+ {2}value: local/.test(diff.stdout), diff.stdout.includes("tuned")],
    [1, true, false],
    diff.stdout + diff.stderr,
  );
  await symlink("/etc/hostname", join(dir.path, "deploy", "out.yaml"));
  const map = (name: string, data: object) => JSON.stringify({ kind: "ConfigMap", metadata: { name }, data });
  await writeFile(
    join(dir.path, "loose.yaml"),
    map("argocd-cmd-params-cm", { "reposerver.allow.oob.symlinks": "true" }),
  );
  const secret = {
    kind: "Secret",
    metadata: { name: "r", labels: { "argocd.argoproj.io/secret-type": "repository" } },
  };
  await writeFile(join(dir.path, "secret.yaml"), JSON.stringify(secret));
  for (const [line, code, said] of [
    [`app diff web ${local}`, 20, /the link "deploy\/out.yaml" leads out of the repository/],
    [`app diff web ${local} --settings DIR/loose.yaml`, 1, /\+ {2}value: local/],
    [`app sync web ${local}`, 1, /the link "deploy\/out.yaml" leads out of the repository/],
    [`app diff web ${local} --repo-secrets DIR/secret.yaml`, 2, /secret.yaml:1: Secret "r": url is missing/],
    ["app sync web --settings DIR/loose.yaml", 2, /--settings is for what is rendered here: name a folder by --local/],
  ] as const) {
    const { code: exit, stdout, stderr } = await cli(line);
    assert.deepEqual([exit, said.test(stdout + stderr)], [code, true], `${line}: ${stdout}${stderr}`);
  }
  await rm(join(dir.path, "deploy", "out.yaml"));
  const asked = await cli(`app diff web ${local} --server-side-generate --local-include *.yaml --server-side-diff`);
  assert.deepEqual(
    [asked.code, /- {2}value: git\n\+ {2}value: local/.test(asked.stdout)],
    [1, true],
    asked.stdout + asked.stderr,
  );
  const outside = await cli("app diff web --local DIR --local-repo-root DIR/deploy");
  assert.deepEqual([outside.code, /is not below the root/.test(outside.stderr)], [2, true], outside.stderr);
  const unasked = await cli(`app sync web ${local} --preview-changes`);
  assert.deepEqual([unasked.code, /needs a confirmation/.test(unasked.stderr)], [2, true]);
  assert.equal(await mapValue(scenario, "one"), "git", "nothing was done");
  const synced = await cli(`app sync web ${local} --preview-changes --assumeYes`);
  assert.equal(synced.code, 0, synced.stdout + synced.stderr);
  assert.match(synced.stdout, /\+ {2}value: local/);
  assert.equal(await mapValue(scenario, "one"), "local");
});

test("revisions of several sources, by position and by name", { skip }, async () => {
  await using scenario = await GitOpsScenario.start({
    repositories: { a: { "a.json": configMap("a", "old") }, b: { "b.json": configMap("b", "old") } },
    manifests: (urlOf) => {
      const source = (name: string) => ({ repoURL: urlOf(name), path: ".", targetRevision: "HEAD", name });
      const { spec, ...rest } = application("web", urlOf("a"), { syncPolicy: {} }) as { spec: Record<string, unknown> };
      const { source: _, ...others } = spec;
      return [{ ...rest, spec: { ...others, sources: [source("a"), source("b")] } }];
    },
  });
  const b = await scenario.clone("b");
  const old = (await b.git("rev-parse", "HEAD")).trim();
  await b.commit({ "b.json": configMap("b", "new") });
  await b.git("push", "--quiet");
  const cli = (line: string) => scenario.engine.cli(line.split(" "));
  const older = await cli(`app sync web --revisions ${old} --source-positions 2`);
  assert.equal(older.code, 0, older.stdout + older.stderr);
  assert.deepEqual([await mapValue(scenario, "a"), await mapValue(scenario, "b")], ["old", "old"]);
  assert.match((await cli("app manifests web --revisions HEAD --source-names b")).stdout, /value: new/);
  const unknown = await cli(`app manifests web --revisions ${old} --source-names c`);
  assert.deepEqual([unknown.code, /there is no source "c"; there are: a, b/.test(unknown.stderr)], [2, true]);
  const uneven = await cli(`app sync web --revisions ${old}`);
  assert.match(uneven.stderr, /needs as many --source-positions or --source-names: 1 and 0 are given/);
  const newest = await cli("app sync web --revisions HEAD --source-names b");
  assert.equal(newest.code, 0, newest.stdout + newest.stderr);
  assert.equal(await mapValue(scenario, "b"), "new");
});
