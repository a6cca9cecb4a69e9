import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { createTestRepository, git, type TestRepository } from "../harness/git-repository.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { type SshServer, sshdMissing, startSshd } from "../harness/sshd.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();
const skip = kubectlMissing() ?? sshdMissing() ?? false;

function repositorySecret(name: string, data: Readonly<Record<string, string>>, type = "repository"): object {
  const metadata = { name, namespace: "argocd", labels: { "argocd.argoproj.io/secret-type": type } };
  return { apiVersion: "v1", kind: "Secret", metadata, stringData: data };
}

function knownHosts(server: SshServer): object {
  const metadata = { name: "argocd-ssh-known-hosts-cm", namespace: "argocd" };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data: { ssh_known_hosts: server.knownHosts } };
}

/** Its one object has the name. */
async function commit(repository: TestRepository, name: string, value: string): Promise<string> {
  return repository.commit({ "web/a.yaml": JSON.stringify(configMap(name, value)) });
}

test("an Application reads a private repository; wrong credentials are a clear condition, and mended ones count at once", {
  skip,
}, async () => {
  await using server = await startSshd();
  await using repository = await createTestRepository();
  await using other = await createTestRepository();
  const [first, mended] = [await commit(repository, "private", "0"), await commit(other, "mended", "0")];
  const [url, otherUrl] = [server.urlOf(repository.path), server.urlOf(other.path)];
  const at = (repoURL: string) => ({ source: { repoURL, path: "web", targetRevision: "main" } });
  // Of all repositories beside it; one with a Secret of its own does not ask.
  const prefix = otherUrl.slice(0, otherUrl.lastIndexOf("/"));
  const all = (key: string): object => repositorySecret("all", { url: prefix, sshPrivateKey: key }, "repo-creds");
  await using scenario = await GitOpsScenario.start({
    repositories: {},
    manifests: () => [
      knownHosts(server),
      repositorySecret("private", { url, sshPrivateKey: server.privateKey, depth: "1" }),
      all(server.otherKey),
      application("private", url, at(url)),
      application("mended", otherUrl, at(otherUrl)),
    ],
  });
  await scenario.waitForSynced("private", first);
  const second = await commit(repository, "private", "1");
  await scenario.kubectl(["annotate", "application", "private", "-n", "argocd", "argocd.argoproj.io/refresh=normal"]);
  await scenario.waitForSynced("private", second);
  const [copy = ""] = globSync(join(scenario.engine.dataDir, "git/*.git/shallow"));
  assert.equal(await git(dirname(copy), ["rev-list", "--count", second]), "1", "the depth that the Secret says");
  const { conditions = [] } = await scenario.waitForStatus("mended", "with a condition", (status) =>
    Boolean(status.conditions?.length),
  );
  assert.match(
    conditions.map(({ type, message }) => `${type}: ${message}`).join("\n"),
    /^ComparisonError: Failed to load target state: .*the server did not take the SSH key \(sshPrivateKey of the repository Secret\)$/,
  );
  await scenario.kubectl(["apply", "-f", "-"], all(server.privateKey));
  // Not at the next try, which would be after 30 s.
  await scenario.waitForSynced("mended", mended, 15_000);
  assert.doesNotMatch(scenario.engine.output, /PRIVATE KEY/);
});
