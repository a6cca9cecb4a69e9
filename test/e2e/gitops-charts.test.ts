import assert from "node:assert/strict";
import { test } from "node:test";
import { freePort } from "../harness/free-port.ts";
import { startHelmServer } from "../harness/helm-repository.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { helmLayerType, ociRegistryMissing, startOciRegistry } from "../harness/oci-registry.ts";
import { renderToolsMissing, toolPath } from "../harness/render-tools.ts";
import { kubectlMissing } from "../harness/run.ts";
import { chartArchive } from "../harness/tar.ts";
import { application, GitOpsScenario } from "./gitops-scenario.ts";
import { postJson, resource } from "./scenario.ts";

failOnLeakedChildren();
const skip = kubectlMissing() ?? renderToolsMissing("helm") ?? ociRegistryMissing() ?? false;

const template = [
  "apiVersion: v1",
  "kind: ConfigMap",
  "metadata:",
  "  name: {{ .Release.Name }}",
  "data:",
  "  version: {{ .Chart.Version | quote }}",
  "  size: {{ .Values.size | quote }}",
  "",
].join("\n");
const files = { "values.yaml": "size: small\n", "templates/map.yaml": template };

function secret(name: string, data: Readonly<Record<string, string>>): object {
  const metadata = { name, namespace: "argocd", labels: { "argocd.argoproj.io/secret-type": "repository" } };
  return { apiVersion: "v1", kind: "Secret", metadata, stringData: data };
}

test("Applications take charts from a private Helm repository and from a registry, with values of Git", {
  skip,
}, async () => {
  await using server = await startHelmServer("me:secret");
  await using registry = await startOciRegistry();
  const port = await freePort();
  const push = (version: string) =>
    registry.push("charts/web", version, [{ mediaType: helmLayerType, content: chartArchive("web", version, files) }]);
  server.publish("web", "1.0.0", files);
  await push("2.1.0");
  const chart = (repoURL: string, targetRevision: string, more: object = {}) => ({
    repoURL,
    chart: "web",
    targetRevision,
    ...more,
  });
  await using scenario = await GitOpsScenario.start({
    args: ["--tool", `helm=${toolPath("helm")}`],
    repositories: { values: { "prod.yaml": "size: large\n" } },
    manifests: (urlOf) => [
      secret("charts", { url: server.url, type: "helm", username: "me", password: "secret" }),
      secret("registry", {
        url: `${registry.host}/charts`,
        type: "helm",
        enableOCI: "true",
        insecureOCIForceHttp: "true",
      }),
      application("http", "", { source: chart(server.url, "1.x") }),
      application("oci", "", { source: chart(`${registry.host}/charts`, ">=2.0.0") }),
      application("both", "", {
        source: null,
        sources: [
          chart(server.url, "1.0.0", { helm: { valueFiles: ["$values/prod.yaml"] } }),
          { repoURL: urlOf("values"), targetRevision: "HEAD", ref: "values" },
        ],
      }),
      application("none", "", { source: chart(server.url, "9.x") }),
      resource("EventSource", "hooks", { webhook: { pushed: { port: String(port), endpoint: "/", method: "POST" } } }),
      resource("Sensor", "charts", {
        dependencies: [{ name: "pushed", eventSourceName: "hooks", eventName: "pushed" }],
        triggers: [{ template: { name: "look", gitOps: { operation: "refresh", application: "oci" } } }],
      }),
    ],
  });
  await scenario.waitForSynced("http", "1.0.0", 30_000);
  await scenario.waitForSynced("oci", "2.1.0", 30_000);
  const data = async (name: string): Promise<unknown> =>
    (JSON.parse(await scenario.kubectl(["get", "configmap", name, "-o", "json"])) as { data: unknown }).data;
  assert.deepEqual(await data("http"), { version: "1.0.0", size: "small" });
  assert.deepEqual(await data("oci"), { version: "2.1.0", size: "small" });
  await scenario.waitForSynced("both");
  assert.deepEqual(await data("both"), { version: "1.0.0", size: "large" });
  const { conditions = [] } = await scenario.waitForStatus("none", "with a condition", (status) =>
    Boolean(status.conditions?.length),
  );
  assert.match(conditions[0]?.message ?? "", /chart "web" has no version "9.x": it has 1 versions: 1.0.0/);

  server.publish("web", "1.1.0", files);
  await scenario.kubectl(["annotate", "application", "http", "-n", "argocd", "argocd.argoproj.io/refresh=normal"]);
  await scenario.waitForSynced("http", "1.1.0");
  // Registries tell nobody of what is pushed to them; whatever event there is of it makes the engine look.
  await push("2.2.0");
  assert.equal((await postJson(`http://127.0.0.1:${port}/`, { pushed: "web:2.2.0" })).status, 200);
  await scenario.waitForSynced("oci", "2.2.0");
  assert.doesNotMatch(scenario.engine.output, /secret"|me:secret/);
});
