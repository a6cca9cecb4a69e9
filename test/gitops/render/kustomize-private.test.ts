import assert from "node:assert/strict";
import { test } from "node:test";
import { repositoryIn } from "../../../src/gitops/render/kustomize-graph.ts";
import { anonymousAccess, type FindAccess } from "../../../src/gitops/source/source.ts";
import { createTestRepository } from "../../harness/git-repository.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { renderToolsMissing } from "../../harness/render-tools.ts";
import { sshdMissing, startSshd } from "../../harness/sshd.ts";
import { refuse, startDoor } from "../source/door.ts";
import { openSources } from "../source/rig.ts";
import { namesOf, openRenderRig } from "./rig.ts";

failOnLeakedChildren();

const skip = renderToolsMissing("kustomize");

for (const [name, expected] of [
  ["https://git.example/shop/bases//web?ref=v1", "https://git.example/shop/bases"],
  ["https://git.example/shop/bases.git//web?ref=v1&timeout=90s", "https://git.example/shop/bases.git"],
  ["https://git.example/a/b/c.git/web", "https://git.example/a/b/c.git"],
  ["http://127.0.0.1:8418/demo.git//", "http://127.0.0.1:8418/demo.git"],
  ["github.com/shop/bases", "https://github.com/shop/bases"],
  ["github.com/shop/bases/web?ref=main", "https://github.com/shop/bases"],
  ["https://github.com/shop/bases/web", "https://github.com/shop/bases"],
  ["git@github.com:shop/bases.git//web?ref=v1", "git@github.com:shop/bases.git"],
  ["git@github.com:shop/bases/web", "git@github.com:shop/bases"],
  ["ssh://git@git.example:2222/shop/bases.git//web", "ssh://git@git.example:2222/shop/bases.git"],
  ["git::https://git.example/shop/bases.git//web", "https://git.example/shop/bases.git"],
  ["https://git.example/raw/deployment.yaml", undefined],
  ["../missing", undefined],
  ["missing.git", undefined],
] as const) {
  test(`the repository of a remote base: ${name}`, () => {
    assert.equal(repositoryIn(name), expected);
  });
}

const base = {
  "web/kustomization.yaml": "resources: [m.yaml]\n",
  "web/m.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: private}\n",
};

/** A rig whose kustomize may use what users declared. */
async function openPrivate(access: FindAccess) {
  const stack = new AsyncDisposableStack();
  const git = stack.use(await openSources({ access }));
  const rig = stack.use(await openRenderRig(["kustomize"], { access, git: git.sources }));
  return { ...rig, cache: rig.cache, render: rig.render, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const login = { username: "me", password: "pa ss:wörd" };
const expected = `Basic ${Buffer.from("me:pa ss:wörd").toString("base64")}`;
const startPrivate = () =>
  startDoor((request, response) => request.headers.authorization === expected || refuse(response), undefined, base);

test("a remote base is read with the credentials of its own repository", { skip }, async () => {
  await using door = await startPrivate();
  const asked: string[] = [];
  await using rig = await openPrivate((repository, project) => {
    asked.push(`${project} ${repository}`);
    return repository === door.url ? { ...anonymousAccess, basic: login } : anonymousAccess;
  });
  const commit = await rig.repository.commit({
    "app/kustomization.yaml": `resources: ["${door.url}//web?ref=main"]\n`,
  });
  assert.deepEqual(namesOf(await rig.render(commit)), ["private"]);
  assert.ok(asked.includes(`default ${door.url}`));
  await assert.rejects(rig.render(commit, {}, { isPermitted: () => false, hard: true }), {
    code: "RENDER_FAILED",
    message: /could not read Username|Authentication failed|terminal prompts disabled/,
  });
});

test("a remote base beside its repository is read with that one's credentials", { skip }, async () => {
  await using door = await startPrivate();
  const own = door.url.replace("demo.git", "own");
  await using rig = await openPrivate((repository) =>
    repository === own ? { ...anonymousAccess, basic: login } : anonymousAccess,
  );
  const commit = await rig.repository.commit({
    "app/kustomization.yaml": `resources: ["${door.url}//web?ref=main"]\n`,
  });
  assert.deepEqual(namesOf(await rig.render(commit, { repoURL: own })), ["private"]);
  await assert.rejects(rig.render(commit, {}, { hard: true }), { code: "RENDER_FAILED" });
  const other = await rig.repository.commit({
    "app/kustomization.yaml": `resources: ["${door.url}//none?ref=main"]\n`,
  });
  await assert.rejects(rig.render(other, { repoURL: own }), (error: Error) => {
    assert.doesNotMatch(error.message, /wörd|d8O2cmQ/);
    return true;
  });
});

test("a bearer token reaches the server of the remote base, and no other", { skip }, async () => {
  const seen: string[] = [];
  await using open = await startDoor(
    ({ headers }) => {
      seen.push(headers.authorization ?? "");
      return true;
    },
    undefined,
    { "k/kustomization.yaml": "namePrefix: x-\n" },
  );
  await using door = await startDoor(
    ({ headers }, response) => headers.authorization === "Bearer t0ken" || refuse(response),
    undefined,
    base,
  );
  await using rig = await openPrivate((repository) =>
    repository === door.url ? { ...anonymousAccess, bearerToken: "t0ken" } : anonymousAccess,
  );
  const resources = [`${door.url}//web?ref=main`, `${open.url}//k?ref=main`];
  const commit = await rig.repository.commit({ "app/kustomization.yaml": `resources: ${JSON.stringify(resources)}\n` });
  assert.deepEqual(namesOf(await rig.render(commit)), ["private"]);
  assert.ok(seen.length > 0 && seen.every((one) => one === ""));
});

test("a remote base over ssh is read with its key, from the host that is known", {
  skip: skip ?? sshdMissing(),
}, async () => {
  await using server = await startSshd();
  await using bases = await createTestRepository();
  await bases.commit(base);
  const { privateKey: sshPrivateKey, knownHosts } = server;
  const url = server.urlOf(bases.path);
  let rights = { sshPrivateKey, knownHosts };
  await using rig = await openPrivate((repository) =>
    repository.startsWith("ssh:") ? { ...anonymousAccess, ...rights } : anonymousAccess,
  );
  const commit = await rig.repository.commit({ "app/kustomization.yaml": `resources: ["${url}//web?ref=main"]\n` });
  assert.deepEqual(namesOf(await rig.render(commit)), ["private"]);
  rights = { sshPrivateKey: server.otherKey, knownHosts };
  await assert.rejects(rig.render(commit, {}, { hard: true }), { message: /Permission denied/ });
  rights = { sshPrivateKey, knownHosts: "" };
  await assert.rejects(rig.render(commit, {}, { hard: true }), { message: /Host key verification failed/ });
});
