import assert from "node:assert/strict";
import { Session } from "node:inspector/promises";
import { test } from "node:test";
import { parseSensor } from "../../../src/api/sensor.ts";
import { instant } from "../../../src/base/clock.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { parseYaml } from "../../../src/base/yaml.ts";
import { type CompiledSensor, compileSensor } from "../../../src/events/sensor/compile.ts";
import { reduce } from "../../../src/events/sensor/reducer.ts";
import { type Decision, emptyState } from "../../../src/events/sensor/state.ts";
import { renderTrigger } from "../../../src/events/trial/rendered-trigger.ts";
import { triggerSchemas } from "../../../src/events/triggers/registry.ts";
import { received } from "./builders.ts";

/** Each language a Sensor may be written in, at each place where it may stand. */
const manifest = `
apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata: { name: s, namespace: ns }
spec:
  dependencies:
    - name: data
      eventSourceName: source
      eventName: a
      correlate: "{{ .Input.repo }}"
      transform: { jq: '.labels |= map(ascii_downcase)' }
      filters:
        data:
          - { path: count, type: number, comparator: ">=", value: ["1"] }
          - { path: 'labels.#(%"b*")', type: string, value: ["^b[a-z]+$"] }
          - { path: $.repo, type: string, template: "{{ .Input | upper }}", value: ["^R[12]$"] }
        exprs:
          - { expr: count > 0 && repo =~ '^r', fields: [{ name: count, path: count }, { name: repo, path: repo }] }
        context: { type: webhook }
        time: { start: "00:00:00", stop: "12:00:00" }
        script: return string.match(event.repo, "^r%d$") ~= nil
        cel: event.data.repo.matches("^r[0-9]$")
    - name: lua
      eventSourceName: source
      eventName: a
      correlate: "{{ .Input.repo }}"
      transform: { script: 'event.b = "x" .. event.count return event' }
  triggers:
    - parameters:
        - { src: { dependencyName: lua, dataKey: b }, dest: http.method }
      template:
        name: t
        conditions: data && lua
        http:
          url: http://127.0.0.1:1
          payload:
            - { src: { dependencyName: data, dataKey: 'labels.#(%"b*")' }, dest: a.b.-1 }
            - { src: { dependencyName: data, dataKey: '$.labels[0]' }, dest: a.b.1 }
            - { src: { dependencyName: data, dataKey: count, useRawData: true }, dest: 'a.b.#(%"b*")' }
            - { src: { dependencyName: lua, dataTemplate: '{{ .Input.b | upper }}${"x".repeat(5_000)}' }, dest: c.d }
            - { src: { dependencyName: lua, contextTemplate: '{{ .Input.id | trunc 1 }}' }, dest: "{{ e }}" }
            - { src: { dependencyName: lua, contextKey: id }, dest: f }
          parameters:
            - { src: { dependencyName: data, dataKey: repo }, dest: url, operation: append }
    - template:
        name: batched
        conditions: data || lua
        batch: { size: 2, wait: 1m, key: "{{ .Input.repo }}" }
        log: {}
`;
const languages = ["cel", "gjson", "go-template", "govaluate", "jq", "json-path", "lua", "regex", "sjson"] as const;

/** The languages of which a function ran that parses or compiles, or of Lua one that makes its byte code. */
async function languagesParsed(run: () => void): Promise<readonly string[]> {
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
    run();
    const { result } = await session.post("Profiler.takePreciseCoverage");
    const parsed = result.flatMap(({ url, functions }) => {
      const hasParsed = functions.some(({ functionName, ranges }) => {
        return (ranges[0]?.count ?? 0) > 0 && /^#?(?:parse|compile|tokens|scan|lex)/i.test(functionName);
      });
      return hasParsed ? languages.filter((language) => new RegExp(`/src/base/${language}[/.]`).test(url)) : [];
    });
    return [...new Set(parsed)].sort();
  } finally {
    session.disconnect();
  }
}

test("each language is parsed with the Sensor and its first event, and never again", async () => {
  let sensor: CompiledSensor | undefined;
  let state = emptyState;
  let taken = 0;
  const take = () => {
    const count = ++taken;
    const data = { repo: `r${1 + (count % 2)}`, count, labels: ["red", "Blue", `b${count}`] };
    sensor ??= compileSensor(parseSensor(parseYaml(manifest)[0], triggerSchemas()).resource);
    const { state: next, decisions } = reduce(sensor, state, received(`e${count}`, "a", data), instant(count));
    state = next;
    return decisions.flatMap((decision) => rendered(sensor, decision));
  };
  const fired: (JsonObject | undefined)[] = [];
  assert.deepEqual(await languagesParsed(() => fired.push(...take())), languages);
  assert.deepEqual(await languagesParsed(() => fired.push(...take(), ...take())), []);
  assert.deepEqual(
    fired.map((template) => template?.name),
    ["t", "batched", "t", "batched", "t", "batched"],
  );
});

function rendered(sensor: CompiledSensor | undefined, decision: Decision) {
  if (decision.kind !== "fire" || !sensor) return [];
  return [renderTrigger(sensor, { ...decision, key: decision.trigger })];
}
