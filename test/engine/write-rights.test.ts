import assert from "node:assert/strict";
import { test } from "node:test";
import { createWriteRights } from "../../src/engine/write-rights.ts";
import { createFindAccess } from "../../src/gitops/source/repository-secrets.ts";
import { openTestPlane } from "../harness/control-plane.ts";

const url = "https://git.example/shop.git";

test("who may write is said by Secrets for writing alone: of the project, of all, or by a prefix", async () => {
  const signal = AbortSignal.timeout(20_000);
  await using plane = await openTestPlane();
  const { client } = plane;
  await client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "argocd" } }).catch(() => undefined);
  const declare = (name: string, type: string, stringData: Readonly<Record<string, string>>) => {
    const labels = { "argocd.argoproj.io/secret-type": type };
    const metadata = { name, namespace: "argocd", labels };
    return client.create({ apiVersion: "v1", kind: "Secret", metadata, stringData });
  };
  const rightsTo = createWriteRights({
    kube: client,
    accessBy: (repository, templates) => {
      const own = { name: "own", type: "repository", data: repository } as const;
      const others = templates.map((data, at) => ({ name: `${at}`, type: "repo-creds", data }) as const);
      const find = createFindAccess({ secrets: [own, ...others], knownHosts: "", certificates: {} });
      return find(repository.url ?? "", repository.project ?? "");
    },
    localPathOf: (repository) => (repository.startsWith("http://served/") ? import.meta.dirname : undefined),
    allowLocal: false,
  });
  const userOf = async (repository: string, project = "team") =>
    (await rightsTo(repository, project, signal))?.rights.basic?.username;

  await declare("reads", "repository", { url, username: "reader", password: "p" });
  assert.equal(await userOf(url), undefined, "what reads does not write");
  await declare("all", "repository-write", { url: "https://GIT.example/shop", username: "all", password: "p" });
  assert.equal(await userOf(url), "all");
  await declare("other", "repository-write", { url, project: "other", username: "other", password: "p" });
  await declare("team", "repository-write", { url, project: "team", username: "team", password: "p" });
  assert.deepEqual(await Promise.all(["team", "other", "third"].map((project) => userOf(url, project))), [
    "team",
    "other",
    "all",
  ]);
  await declare("creds", "repo-write-creds", { url: "https://git.example/", username: "prefix", password: "p" });
  assert.deepEqual(
    [await userOf("https://git.example/else"), await userOf("https://elsewhere.example/x")],
    ["prefix", undefined],
  );
  assert.equal((await rightsTo("http://served/shop.git", "team", signal))?.path, import.meta.dirname);
  await assert.rejects(rightsTo("file:///srv/shop.git", "team", signal), { code: "GIT_REFUSED" });
});
