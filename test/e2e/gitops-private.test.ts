import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestRepository, type TestRepository } from "../harness/git-repository.ts";
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

async function commit(repository: TestRepository, value: string): Promise<string> {
  return repository.commit({ "web/a.yaml": JSON.stringify(configMap("private", value)) });
}

test("an Application reads a private repository with the SSH key of its Secret", { skip }, async () => {
  await using server = await startSshd();
  await using repository = await createTestRepository();
  const first = await commit(repository, "0");
  const url = server.urlOf(repository.path);
  const source = { repoURL: url, path: "web", targetRevision: "main" };
  await using scenario = await GitOpsScenario.start({
    repositories: {},
    manifests: () => [
      knownHosts(server),
      repositorySecret("private", { url, sshPrivateKey: server.privateKey }),
      application("private", url, { source }),
    ],
  });
  await scenario.waitForSynced("private", first);
  const second = await commit(repository, "1");
  await scenario.kubectl(["annotate", "application", "private", "-n", "argocd", "argocd.argoproj.io/refresh=normal"]);
  await scenario.waitForSynced("private", second);
  assert.doesNotMatch(scenario.engine.output, /PRIVATE KEY/);
});

test("wrong credentials are a clear condition, and mended ones are used at once", { skip }, async () => {
  await using server = await startSshd();
  await using repository = await createTestRepository();
  const first = await commit(repository, "0");
  const url = server.urlOf(repository.path);
  const source = { repoURL: url, path: "web", targetRevision: "main" };
  const prefix = url.slice(0, url.lastIndexOf("/"));
  await using scenario = await GitOpsScenario.start({
    repositories: {},
    manifests: () => [
      knownHosts(server),
      repositorySecret("all", { url: prefix, sshPrivateKey: server.otherKey }, "repo-creds"),
      application("private", url, { source }),
    ],
  });
  const { conditions = [] } = await scenario.waitForStatus("private", "with a condition", (status) =>
    Boolean(status.conditions?.length),
  );
  assert.match(
    conditions.map(({ type, message }) => `${type}: ${message}`).join("\n"),
    /^ComparisonError: Failed to load target state: .*the server did not take the SSH key \(sshPrivateKey of the repository Secret\)$/,
  );
  await scenario.kubectl(
    ["apply", "-f", "-"],
    repositorySecret("all", { url: prefix, sshPrivateKey: server.privateKey }, "repo-creds"),
  );
  // Not at the next try, which would be after 30 s.
  await scenario.waitForSynced("private", first, 15_000);
});
