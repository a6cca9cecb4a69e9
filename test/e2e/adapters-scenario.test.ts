import assert from "node:assert/strict";
import { test } from "node:test";
import { Consumer, stringDeserializers } from "@platformatic/kafka";
import { connect } from "amqplib";
import { freePort } from "../harness/free-port.ts";
import { kafkaMissing, startKafka } from "../harness/kafka.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { rabbitMqMissing, startRabbitMq } from "../harness/rabbitmq.ts";
import { renderToolsMissing, toolPath } from "../harness/render-tools.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { workflowKinds } from "../harness/workflow-kinds.ts";
import { application, GitOpsScenario } from "./gitops-scenario.ts";
import { postJson, resource, webhookSource } from "./scenario.ts";

failOnLeakedChildren();

const chart = {
  "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
  "values.yaml": "image: {tag: none}\n",
  "templates/map.yaml":
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\ndata: {tag: "{{ .Values.image.tag }}"}\n',
};
const credentials = { username: { name: "rabbit", key: "u" }, password: { name: "rabbit", key: "p" } };

/** A build says its tag on a queue, a person lets it go by a webhook; what comes of it goes to Kafka. */
function manifests(rabbit: string, kafka: string, port: number, repository: string): readonly object[] {
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "rabbit", namespace: "default" },
    stringData: { u: "guest", p: "guest" },
  };
  const builds = resource("EventSource", "builds", {
    amqp: {
      done: {
        url: `amqp://${rabbit}`,
        exchangeName: "builds",
        exchangeType: "topic",
        routingKey: "done",
        jsonBody: true,
        queueDeclare: { name: "releases", durable: true },
        auth: credentials,
      },
    },
  });
  const src = (dataKey: string) => ({ dependencyName: "built", dataKey });
  const workflow = {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Workflow",
    metadata: { generateName: "release-" },
    spec: {
      entrypoint: "main",
      arguments: { parameters: [{ name: "tag", value: "" }] },
      templates: [{ name: "main", container: { image: "b" } }],
    },
  };
  const release = resource("Sensor", "release", {
    dependencies: [
      { name: "built", eventSourceName: "builds", eventName: "done" },
      {
        name: "approved",
        eventSourceName: "hook",
        eventName: "push",
        filters: { data: [{ path: "body.ok", type: "bool", value: ["true"] }] },
      },
    ],
    triggers: [
      {
        template: {
          name: "run",
          conditions: "built && approved",
          k8s: {
            operation: "create",
            source: { resource: workflow },
            parameters: [{ src: src("body.tag"), dest: "spec.arguments.parameters.0.value" }],
          },
        },
      },
      {
        template: {
          name: "sync",
          conditions: "built && approved",
          gitOps: {
            application: "shop",
            source: { helm: { parameters: [{ name: "image.tag", value: "" }] } },
            parameters: [{ src: src("body.tag"), dest: "source.helm.parameters.0.value" }],
          },
        },
      },
    ],
  });
  const told = {
    ...resource("Sensor", "told", {
      dependencies: [{ name: "healthy", eventSourceName: "tiphys", eventName: "application-healthy" }],
      triggers: [
        {
          template: {
            name: "tell",
            kafka: {
              url: kafka,
              topic: "released",
              payload: [
                { src: { dependencyName: "healthy", dataKey: "application.name" }, dest: "application" },
                { src: { dependencyName: "healthy", dataKey: "source.helm.parameters.0.value" }, dest: "tag" },
              ],
            },
          },
        },
      ],
    }),
    metadata: { name: "told", namespace: "argocd" },
  };
  const shop = application("shop", repository, { syncPolicy: {} });
  return [...workflowKinds, secret, builds, webhookSource("hook", port), release, told, shop];
}

const skip = kubectlMissing() ?? renderToolsMissing("helm") ?? (rabbitMqMissing || kafkaMissing());

test("a message of RabbitMQ and an approval release a version, and Kafka hears that it is healthy", {
  skip,
  timeout: 170_000,
}, async () => {
  await using rabbit = await startRabbitMq();
  await using kafka = await startKafka();
  const port = await freePort();
  await using scenario = await GitOpsScenario.start({
    args: ["--tool", `helm=${toolPath("helm")}`],
    repositories: { shop: chart },
    manifests: (urlOf) => manifests(rabbit.address, kafka.address, port, urlOf("shop")),
  });
  const { engine } = scenario;
  await scenario.waitForStatus("shop", "compared", ({ sync }) => sync?.status === "OutOfSync");
  await waitFor("the queue", async () => {
    const answer = await engine.api("/api/v1/tiphys/sources");
    const { sources } = (await answer.json()) as { sources: { name: string }[] };
    const source = JSON.stringify(sources.find(({ name }) => name === "builds"));
    return source.includes('"Active"') && !source.includes('"False"');
  });
  const connection = await connect(rabbit.url);
  const channel = await connection.createConfirmChannel();
  channel.publish("builds", "done", Buffer.from('{"tag":"v7"}'), { messageId: "build-7" });
  await channel.waitForConfirms();
  await connection.close();
  const approve = async (ok: boolean) =>
    assert.equal((await postJson(`http://127.0.0.1:${port}/push`, { ok })).status, 200);
  await approve(false);
  await waitFor("the message to be an event", async () => {
    const { stdout } = await engine.cli(["event", "list", "-o", "json"]);
    return stdout.includes('"builds"');
  });
  assert.deepEqual(await scenario.list("workflows.argoproj.io"), []);
  await approve(true);

  const workflow = await waitFor("the Workflow", async () => (await scenario.list("workflows.argoproj.io"))[0]);
  assert.match(JSON.stringify(workflow.spec), /"name":"tag","value":"v7"/);
  await scenario.waitForSynced("shop");
  const map = (await scenario.find("configmap", "shop")) as unknown as { data: object };
  assert.deepEqual(map.data, { tag: "v7" });

  const consumer = new Consumer({
    groupId: "test",
    clientId: "test",
    bootstrapBrokers: [kafka.address],
    deserializers: stringDeserializers,
  });
  try {
    const stream = await consumer.consume({ topics: ["released"], mode: "earliest", autocommit: false });
    for await (const message of stream) {
      assert.deepEqual(JSON.parse(String(message.value)), { application: "shop", tag: "v7" });
      break;
    }
  } finally {
    await consumer.close(true);
  }
  const { stdout } = await engine.cli(["event", "list", "-o", "json"]);
  const build = (JSON.parse(stdout) as { id: string; eventSource: string }[]).find(
    ({ eventSource }) => eventSource === "builds",
  );
  const trace = await engine.cli(["trace", build?.id ?? ""]);
  assert.match(trace.stdout, /k8s succeeded/);
  assert.match(trace.stdout, /sync \S+: Application argocd\/shop Succeeded/);
});
