import { Ajv } from "ajv";
import { load } from "js-yaml";
import { sensorSchema } from "../../src/api/sensor-schema.ts";
import { triggerSchemas } from "../../src/events/triggers/registry.ts";
import { validateText } from "../../src/validate/validate.ts";
import { type Bench, type BenchRow, inRounds } from "./bench.ts";

/** A Sensor as people write them: two dependencies with filters, two triggers. */
function sensorText(index: number): string {
  return `apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata:
  name: sensor-${index}
  namespace: team-${index % 10}
spec:
  template:
    serviceAccountName: operate-workflow-sa
  dependencies:
    - name: push
      eventSourceName: github
      eventName: repo-${index}
      filters:
        data:
          - path: body.ref
            type: string
            value: ["^refs/heads/main$"]
    - name: approved
      eventSourceName: webhook
      eventName: approve
  triggers:
    - template:
        name: notify
        conditions: push && approved
        http:
          url: https://hooks.example.com/${index}
          method: POST
          headers:
            Content-Type: application/json
          payload:
            - src:
                dependencyName: push
                dataKey: body.head_commit.id
              dest: commit
      retryStrategy:
        steps: 3
        duration: 10s
      atLeastOnce: true
    - template:
        name: record
        conditions: push
        k8s:
          operation: create
          source:
            resource:
              apiVersion: v1
              kind: ConfigMap
              metadata:
                generateName: push-
              data:
                commit: ""
          parameters:
            - src:
                dependencyName: push
                dataKey: body.head_commit.id
              dest: data.commit
`;
}

type Step = (text: string) => void;

/** Documents that each takes before it is the other's turn. Counted is the processor's time: other work must not. */
const roundSize = 500;

/** The rate of each step over all texts. */
function ratesOf(texts: readonly string[], steps: readonly Step[]): readonly number[] {
  for (const step of steps) for (const text of texts.slice(0, 10 * roundSize)) step(text); // warms up
  const spentMs = steps.map(() => 0);
  for (let from = 0; from < texts.length; from += roundSize) {
    const round = texts.slice(from, from + roundSize);
    for (const [index, step] of steps.entries()) {
      const startedAt = process.cpuUsage();
      for (const text of round) step(text);
      const { user, system } = process.cpuUsage(startedAt);
      spentMs[index] = (spentMs[index] ?? 0) + (user + system) / 1_000;
    }
  }
  return spentMs.map((ms) => Math.round((texts.length * 1_000) / ms));
}

async function run({ quick }: { readonly quick: boolean }): Promise<readonly BenchRow[]> {
  const texts = Array.from({ length: quick ? 2_000 : 10_000 }, (_, index) => sensorText(index));
  const ajv = new Ajv({ allErrors: true, strict: false, useDefaults: true, validateFormats: false });
  const accepts = ajv.compile(sensorSchema(triggerSchemas()));
  const bare: Step = (text) => {
    const { spec } = load(text) as { readonly spec: unknown };
    if (!accepts(spec)) throw new Error("the Sensor should be valid");
  };
  const ours: Step = (text) => {
    const { checked, problems } = validateText(text, "sensor.yaml");
    if (checked !== 1 || problems.length > 0) throw new Error(`the Sensor has problems: ${JSON.stringify(problems)}`);
  };
  return inRounds(quick ? 1 : 3, async () => {
    const [value = 0, limit = 0] = ratesOf(texts, [ours, bare]);
    return [
      { name: "validate a Sensor, all rules", value, unit: "docs/s", limit, ratio: value / limit, leastRatio: 0.5 },
    ];
  });
}

/** The limit is bare js-yaml and the same schema compiled by ajv: no rules, no places, no filters compiled. */
export const validateBenches: readonly Bench[] = [{ name: "validate", run }];
