import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "../harness/free-port.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { renderToolsMissing, toolPath } from "../harness/render-tools.ts";
import { kubectlMissing } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { application, GitOpsScenario } from "./gitops-scenario.ts";
import { postJson, resource } from "./scenario.ts";

failOnLeakedChildren();

const chart = {
  "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 0.1.0\n",
  "chart/values.yaml": "image: {tag: none}\n",
  "chart/templates/map.yaml":
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: released}\ndata: {tag: "{{ .Values.image.tag }}"}\n',
  "chart/templates/job.yaml":
    'apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate, annotations: {argocd.argoproj.io/hook: PreSync}}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: "m"}]}}}\n',
};

function manifests(port: number, urlOf: (name: string) => string): readonly object[] {
  const hook = (name: string) => ({ [name]: { port: String(port), endpoint: `/${name}`, method: "POST" } });
  const gitOps = (name: string, block: object) => ({ template: { name, conditions: name, gitOps: block } });
  const fromEvent = (dependencyName: string, dataKey: string, dest: string) => ({
    src: { dependencyName, dataKey },
    dest,
  });
  const names = ["release", "back", "team"];
  return [
    resource("EventSource", "hooks", { webhook: Object.assign({}, ...names.map(hook)) }),
    resource("Sensor", "applications", {
      dependencies: names.map((name) => ({ name, eventSourceName: "hooks", eventName: name })),
      triggers: [
        gitOps("release", {
          application: "shop",
          prune: true,
          source: { helm: { parameters: [{ name: "image.tag", value: "" }] } },
          wait: { timeout: "60s" },
          parameters: [fromEvent("release", "body.tag", "source.helm.parameters.0.value")],
        }),
        gitOps("back", { operation: "rollback", application: "shop", wait: { until: "operation", timeout: "60s" } }),
        gitOps("team", { operation: "refresh", selector: { matchLabels: { team: "shop" } } }),
      ],
    }),
    application(
      "shop",
      urlOf("apps"),
      { source: { repoURL: urlOf("apps"), path: "chart" }, syncPolicy: {} },
      { labels: { team: "shop" } },
    ),
    application("other", urlOf("apps"), { source: { repoURL: urlOf("apps"), path: "chart" }, syncPolicy: {} }),
  ];
}

interface Listed {
  readonly events: readonly { readonly id: string }[];
}

const skip = kubectlMissing() ?? renderToolsMissing("helm") ?? false;

test("a Sensor gives a value of an event to an Application, waits for it, and takes it back", { skip }, async () => {
  const port = await freePort();
  await using scenario = await GitOpsScenario.start({
    args: ["--tool", `helm=${toolPath("helm")}`],
    repositories: { apps: chart },
    manifests: (urlOf) => manifests(port, urlOf),
  });
  const { engine } = scenario;
  const tag = async () =>
    ((await scenario.find("configmap", "released")) as { data?: { tag: string } } | undefined)?.data?.tag;
  const post = async (name: string, body: object) =>
    assert.equal((await postJson(`http://127.0.0.1:${port}/${name}`, body)).status, 200);
  const told = new Set<string>();
  /** What the trace of the next event says of its effect. The API is asked until it is there: a command takes a second. */
  const effect = async (pattern: RegExp): Promise<void> => {
    const found = async (): Promise<string | undefined> => {
      const { events } = (await (await engine.api("/api/v1/tiphys/events?limit=1")).json()) as Listed;
      const id = events[0]?.id ?? "";
      if (id === "" || told.has(id)) return undefined;
      const effects = await (await engine.api(`/api/v1/tiphys/records/${encodeURIComponent(id)}/effects`)).text();
      return effects.includes('"outcome":"') ? id : undefined;
    };
    const id = await waitFor(`${pattern}`, found, 60_000);
    told.add(id);
    assert.match((await engine.cli(["trace", id])).stdout, pattern);
  };
  await scenario.waitForStatus("shop", "compared", ({ sync }) => sync?.status === "OutOfSync");

  await using folder = await tempDir();
  const file = join(folder.path, "event.json");
  await writeFile(file, JSON.stringify({ body: { tag: "v1" } }));
  const { stdout, code, stderr } = await engine.cli(["what-if", "--event", file, "--from", "hooks/release"]);
  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    /release would fire\n +would ask Application argocd\/shop to sync: it is OutOfSync .*; 1 to run, 1 to create/,
  );
  assert.match(stdout, /PreSync, wave 0\n +run +batch\/Job default\/migrate/);
  assert.match(stdout, /create +ConfigMap default\/released\n(.*\n)*? +\+ {2}tag: v1/);
  assert.equal(await tag(), undefined);

  await post("release", { tag: "v1" });
  await effect(/gitOps succeeded in \d+ ms: Application argocd\/shop synced: it is Synced, Healthy/);
  assert.equal(await tag(), "v1");
  await post("release", { tag: "v2" });
  await effect(/gitOps succeeded in \d+ ms: Application argocd\/shop synced: it is Synced, Healthy/);
  assert.equal(await tag(), "v2");
  await post("back", {});
  await effect(/gitOps succeeded in \d+ ms: Application argocd\/shop rolled back/);
  assert.equal(await tag(), "v1");
  await post("team", {});
  await effect(/gitOps succeeded in \d+ ms: asked Application argocd\/shop to refresh$/m);
});
