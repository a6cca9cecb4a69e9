import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseSensor } from "../../src/api/sensor.ts";
import { checkTemplate } from "../../src/api/trap-rules.ts";
import { triggerSchemas } from "../../src/events/triggers/registry.ts";
import { manifest } from "./builders.ts";

const kinds = triggerSchemas();
const dependency = { name: "d", eventSourceName: "es", eventName: "e" };
const log = { template: { name: "t", log: {} } };
const t = "spec.triggers[0]";
const f = "spec.dependencies[0].filters";

const on = (dependencies: unknown[], ...triggers: unknown[]) => ({ dependencies, triggers });
const filters = (value: unknown, more = {}) => on([{ ...dependency, filters: value, ...more }], log);
const data = (entry: object) => filters({ data: [{ path: "a", type: "string", ...entry }] });
const template = (more: object, trigger = {}) =>
  on([dependency], { template: { ...log.template, ...more }, ...trigger });
const parameters = (src: object, more = {}) => template({}, { parameters: [{ src, dest: "name", ...more }] });
const http = (parameters: object[], more = {}) =>
  template({ http: { url: "http://x", method: "POST", timeout: 1, parameters }, log: undefined }, more);
const kafka = (payload: object[]) => template({ kafka: { url: "u", topic: "t", payload }, log: undefined });

function pod(name: string, more = {}) {
  const resource = { apiVersion: "v1", kind: "Pod", metadata: { name: "p" } };
  return { template: { name, k8s: { source: { resource }, ...more } } };
}

function warningsOf(spec: unknown): string[] {
  const { warnings } = parseSensor(manifest("Sensor", spec), kinds);
  return warnings
    .filter(({ message }) => !message.endsWith("is not supported yet") || !/\.kafka$/.test(message))
    .map(({ path, message, suggestion }) => `${path}: ${message}${suggestion ? ` [${suggestion}]` : ""}`);
}

for (const [what, spec, expected] of [
  [
    "a literal with dots",
    data({ value: ["v1.2.3"] }),
    `${f}.data[0].value[0]: "v1.2.3" is a regular expression, found anywhere in the text [for exactly this text write \`^v1\\.2\\.3$\`]`,
  ],
  [
    "a plain word",
    data({ value: ["push"] }),
    `${f}.data[0].value: "push" is found anywhere in the text: what has more before or behind it passes, too [for exactly this write \`^push$\`]`,
  ],
  ["plain words", data({ value: ["a", "^b$", "c/d"] }), /"a" is found anywhere .* write `\^\(a\|c\/d\)\$`\]$/],
  ["a plain word with !=", data({ value: ["a"], comparator: "!=" }), /"a" is found anywhere/],
  ["a bot's name", data({ value: ["dependabot[bot]"] }), /\[for exactly this text write `\^dependabot\\\[bot\\\]\$`\]/],
  ["a scope in parentheses", data({ value: ["fix(api): login"] }), /is a regular expression/],
  ["look-around", data({ value: ["^(?!main)"] }), /the filter fails with each event \[RE2 knows neither look-around/],
  [
    "a broken regex",
    data({ value: ["c++"] }),
    /fails with each event \[to find this text as it stands, write `\^c\\\+\\\+\$`\]/,
  ],
  [
    "!= with several values",
    data({ value: ["a", "b"], comparator: "!=" }),
    `${f}.data[0].value: with != and several values nearly every event passes, since differing from one of them is enough [write "none of them" as one value: \`^(a|b)$\`]`,
  ],
  [
    "> for strings",
    data({ value: ["1"], comparator: ">" }),
    `${f}.data[0].comparator: > never holds for strings: no event is taken`,
  ],
  [
    "numbers that are none",
    data({ type: "number", value: ["ten"] }),
    `${f}.data[0].value[0]: "ten" is no number: the filter fails with each event`,
  ],
  ["bools that are none", data({ type: "bool", value: ["yes"] }), /"yes" is no bool: .*\[one of true, false\]/],
  [
    "comparators of bools",
    data({ type: "bool", value: ["true"], comparator: "!=" }),
    /comparator: != has no effect for bools/,
  ],
  ["types", data({ type: "int", value: ["1"] }), `${f}.data[0].type: "int" must be one of "bool", "number", "string"`],
  [
    "templates of filters",
    data({ value: ["^x$"], template: "{{ .Input | upper" }),
    `${f}.data[0].template: is no Go template: the "{{" at 0 is not closed; it fails with each event`,
  ],
  [
    "or over nothing",
    filters({}, { filtersLogicalOperator: "or" }),
    `${f}: names no filter: with filtersLogicalOperator or no event is ever taken`,
  ],
  ["context that is not compared", filters({ context: { type: "a", id: "1" } }), /context.id: has no effect/],
  [
    "names with a hyphen",
    filters({ exprs: [{ expr: "a-b == 1", fields: [{ name: "a-b", path: "x" }] }] }),
    /fields\[0\].name: "a-b" is not found .*\[write it there as `\[a-b\]`\]/,
  ],
  [
    "expressions that do not parse",
    filters({ exprs: [{ expr: "a = 1", fields: [{ name: "a", path: "x" }] }] }),
    `${f}.exprs[0].expr: govaluate expression "a = 1" at 2: there is no operator "=": the filter fails with each event [equality is \`==\`]`,
  ],
  [
    "patterns of expressions that do not parse",
    filters({ exprs: [{ expr: "a =~ '(?=x)'", fields: [{ name: "a", path: "x" }] }] }),
    /exprs\[0\].expr: govaluate expression .* at 5: .*: the filter fails with each event/,
  ],
  [
    "names that are none of the fields",
    filters({ exprs: [{ expr: "a == 1 && c.D", fields: [{ name: "a", path: "x" }] }] }),
    /exprs\[0\].expr: "c" is the name of no field: the filter fails .*\[there are a\]/,
  ],
  [
    "windows of all day",
    filters({ time: { start: "00:00:00", stop: "23:59:59" } }),
    /time.stop: takes events of the whole day, but for the second 23:59:59/,
  ],
  [
    "windows of a second",
    filters({ time: { start: "23:59:59", stop: "00:00:00" } }),
    /takes events of one second of the day only: 23:59:59/,
  ],
  [
    "a script that returns nothing",
    filters({ script: "event.ok = true" }),
    /filters.script: returns nothing: no event passes \[end it with `return …`\]$/,
  ],
  [
    "a script",
    filters({ script: "return (" }),
    /filters.script: <string>:1: .* near '<eof>': the filter fails with each/,
  ],
  [
    "a transform",
    on([{ ...dependency, transform: { script: "goto x" } }], log),
    /transform.script: goto x is not supported: .*: each event is an error$/,
  ],
  [
    "correlate where nothing is joined",
    on([{ ...dependency, correlate: "a" }], log),
    "spec.dependencies[0].correlate: has no effect: no trigger joins these events with others",
  ],
  [
    "within where nothing is joined",
    on([{ ...dependency, within: "5m" }], log),
    "spec.dependencies[0].within: has no effect: no trigger joins these events with others",
  ],
  [
    "debounce of a dlqTrigger",
    on([dependency], {
      ...log,
      atLeastOnce: true,
      dlqTrigger: { atLeastOnce: true, template: { name: "dlq", log: {}, debounce: { quiet: "5s" } } },
    }),
    /dlqTrigger.template.debounce: has no effect/,
  ],
  [
    "the list of a batch where there is none",
    parameters({ dependencyName: "events", dataKey: "#" }),
    /"events" is no dependency of this trigger/,
  ],
  ["shared", { ...on([dependency], log), shared: true }, "spec.shared: is not supported yet"],
  [
    "two transforms",
    on([{ ...dependency, transform: { jq: ".", script: "x" } }], log),
    /transform.script: has no effect beside jq/,
  ],
  [
    "names that fit no subject",
    on([{ ...dependency, eventName: "a b" }], log),
    /eventName: "a b" does not fit a subject of the bus: it has " "/,
  ],
  ["twins", on([dependency, dependency], log), /dependencies\[0\].name: has the name "d" of spec.dependencies\[1\]/],
  [
    "conditions that do not parse",
    template({ conditions: "d &&" }),
    /template.conditions: "d &&" has its end where a dependency is expected/,
  ],
  [
    "conditions with an unknown side",
    template({ conditions: "d || x" }),
    `${t}.template.conditions: "x" is not a dependency (there is d): the trigger never fires`,
  ],
  [
    "dependencies without use",
    on([dependency, { ...dependency, name: "e" }], { template: { ...log.template, conditions: "d" } }),
    /dependencies\[1\].name: "e" is in the conditions of no trigger/,
  ],
  [
    "schedules that never fire",
    template({ conditionsReset: [{ byTime: { cron: "0 0 30 2 *" } }] }),
    `${t}.template.conditionsReset[0].byTime.cron: "0 0 30 2 *" never fires`,
  ],
  [
    "strangers in parameters",
    parameters({ dependencyName: "x" }),
    `${t}.parameters[0].src.dependencyName: "x" is no dependency of this trigger (there is d): it never gives a value`,
  ],
  [
    "templates of parameters",
    parameters({ dependencyName: "d", dataTemplate: "{{ if .Input.a }}x" }),
    /dataTemplate: is no Go template: an {{end}} is missing/,
  ],
  [
    "context beside data",
    parameters({ dependencyName: "d", dataKey: "a", contextKey: "id" }),
    /src.contextKey: has no effect beside dataKey/,
  ],
  [
    "dest outside of the template",
    parameters({ dependencyName: "d" }, { dest: "metadata.name" }),
    /parameters\[0\].dest: "metadata.name" is not in the template, .*\[paths begin with the kind, or belong to `template.log.parameters`\]/,
  ],
  [
    "texts where a number is wanted",
    http([{ src: { dependencyName: "d", dataKey: "n" }, dest: "timeout" }]),
    /http.parameters\[0\].src: http.timeout must be an integer, and the value goes in as a string: .* \[add `useRawData: true`, /,
  ],
  [
    "templates where a number is wanted",
    http([], {
      parameters: [{ src: { dependencyName: "d", dataTemplate: "{{ 1 }}", useRawData: true }, dest: "http.timeout" }],
    }),
    /triggers\[0\].parameters\[0\].src: http.timeout must be an integer, and what a template gives goes in as a string/,
  ],
  [
    "dest that is no path",
    kafka([{ src: { dependencyName: "d" }, dest: "a.99999999" }]),
    /kafka.payload\[0\].dest: .*too far/,
  ],
  [
    "one name for two objects",
    on([dependency], pod("a"), pod("b")),
    /triggers\[1\].*metadata.name: "p" is created by spec.triggers\[0\], too: one of them fails \[write `generateName` instead\]/,
  ],
  [
    "a long name",
    on([dependency], { template: { ...pod("x".repeat(64)).template } }),
    /template.name: "x{63}…" does not fit the label events.argoproj.io\/trigger/,
  ],
  [
    "durations",
    template({}, { atLeastOnce: true, retryStrategy: { duration: "5" } }),
    /retryStrategy.duration: "5" must be a Go duration .* \[did you mean 5 \(nanoseconds\) or `5s`\?\]/,
  ],
  [
    "factors as text",
    template({}, { atLeastOnce: true, retryStrategy: { factor: "2.0" } }),
    /retryStrategy.factor: "2.0" must be a number; .* \[write it as 2.0\]/,
  ],
  [
    "policies of other kinds",
    template({}, { policy: { status: { allow: [200] } } }),
    /policy.status: has no effect for log: it is for http, awsLambda, openWhisk/,
  ],
  [
    "units",
    template({}, { rateLimit: { unit: "Day", requestsPerUnit: 1 } }),
    /rateLimit.unit: "Day" must be one of "Second", "Minute", "Hour"/,
  ],
  [
    "conditions of a dlqTrigger",
    template(
      {},
      { atLeastOnce: true, dlqTrigger: { atLeastOnce: true, template: { ...log.template, conditions: "d" } } },
    ),
    /dlqTrigger.template.conditions: has no effect/,
  ],
  [
    "errorOnFailedRound",
    { ...on([dependency], log), errorOnFailedRound: true },
    /spec.errorOnFailedRound: has no effect/,
  ],
  [
    "the image's pull policy",
    { ...on([dependency], log), template: { container: { imagePullPolicy: "Always" } } },
    "spec.template.container.imagePullPolicy: has no effect, in Argo Events neither",
  ],
  [
    "a query that does not close",
    data({ path: 'a.#(b=="x"', value: ["^x$"] }),
    `${f}.data[0].path: "a.#(b==\\"x\\"" does not parse: "#(b==\\"x\\"" has no end: its bracket does not close`,
  ],
  [
    "a modifier that is none",
    parameters({ dependencyName: "d", dataKey: "a|@revers" }),
    /src.dataKey: "a\|@revers" does not parse: @revers is no modifier, but a key: did you mean @reverse\?$/,
  ],
  [
    "a dest behind a pipe",
    parameters({ dependencyName: "d" }, { dest: "log.a|b" }),
    /dest: "log.a\|b" has no effect: nothing is set behind \| \[a backslash before it makes it part of the key/,
  ],
  [
    "a dest with @ in a key",
    parameters({ dependencyName: "d" }, { dest: "log.me@home" }),
    /dest: "log.me@home" changes only what is there already, since it has @ or # \[a backslash/,
  ],
  [
    "a dest of a payload that finds nothing",
    kafka([{ src: { dependencyName: "d" }, dest: "a.#.b" }]),
    /kafka.payload\[0\].dest: "a.#.b" has no effect at the start of a payload/,
  ],
  [
    "an operation of a payload",
    kafka([{ src: { dependencyName: "d" }, dest: "a", operation: "append" }]),
    /kafka.payload\[0\].operation: append has no effect in a payload/,
  ],
  [
    "errors among filters joined by or",
    on(
      [
        {
          ...dependency,
          filters: { data: [{ path: "a", type: "number", value: ["1"] }], context: { type: "webhook" } },
          filtersLogicalOperator: "or",
        },
      ],
      log,
    ),
    /filtersLogicalOperator: an error in data, as a path that is not there, discards the event though another kind/,
  ],
  ["a path of jq", data({ path: ".body.a", value: ["^x$"] }), /data\[0\].path: .* \[did you mean `body.a`\?\]$/],
  [
    "a path of all of jq",
    parameters({ dependencyName: "d", dataKey: "." }),
    /src.dataKey: .* \[`@this` is all of it\]$/,
  ],
  ["brackets", parameters({ dependencyName: "d", contextKey: "a[0]" }), /src.contextKey: .* \[did you mean `a.0`\?\]$/],
  [
    "a path of a field of an expression",
    filters({ exprs: [{ expr: "a == 1", fields: [{ name: "a", path: ".x" }] }] }),
    /exprs\[0\].fields\[0\].path: ".x" is no path of GJSON/,
  ],
  ["loggingFields", { ...on([dependency], log), loggingFields: { a: "b" } }, /spec.loggingFields: has no effect/],
] as const) {
  test(`a Sensor is accepted with one warning about ${what}`, () => {
    const warnings = warningsOf(spec).filter((line) => !line.endsWith(".kafka: is not supported yet"));
    assert.equal(warnings.length, 1, warnings.join("\n"));
    if (typeof expected === "string") assert.equal(warnings[0], expected);
    else assert.match(warnings[0] ?? "", expected);
  });
}

test("conditions that can never be true name each that is missing", () => {
  const fields = warningsOf(template({ conditions: "d && x && y" })).filter((line) => line.includes("conditions"));
  assert.deepEqual(fields, [
    `${t}.template.conditions: "x" is not a dependency (there is d): the trigger never fires`,
    `${t}.template.conditions: "y" is not a dependency (there is d): the trigger never fires`,
  ]);
});

test("a dlqTrigger within a dlqTrigger never runs", () => {
  const inner = { atLeastOnce: true, ...log };
  const nested = { ...inner, dlqTrigger: inner };
  assert.deepEqual(warningsOf(template({}, { atLeastOnce: true, dlqTrigger: nested })), [
    `${t}.dlqTrigger.dlqTrigger: never runs: a dlqTrigger has none of its own`,
  ]);
});

for (const [what, spec] of [
  ["words between their ends", data({ value: ["^push$", "^refs/heads/main", "a-b_c$"] })],
  [
    "regexes that are meant",
    data({ value: ["^v1\\.2\\.3$", ".*", "a|b", "^refs/tags/v.+", "feat(\\(.+\\))?:", "[a-z]+"] }),
  ],
  ["paths of GJSON", parameters({ dependencyName: "d", dataKey: 'a.#(b=="x[0]").c|@reverse|..0' })],
  ["paths of JSONPath", data({ path: "$.items[*]['a b']", value: ["^x$"] })],
  [
    "dests of GJSON",
    template(
      {},
      {
        parameters: ["log.a.#(k==3).v", "log.a.#.v", "log.a*", "log.me\\@home", "log.a\\|b"].map((dest) => ({
          src: { dependencyName: "d" },
          dest,
        })),
      },
    ),
  ],
  ["a path with escapes", data({ path: "a\\.b.0.$c", value: ["^x$"] })],
  [
    "numbers that stay numbers",
    http([
      { src: { dependencyName: "d", dataKey: "n", useRawData: true }, dest: "timeout" },
      { src: { dependencyName: "d", dataKey: "u" }, dest: "url" },
      { src: { dependencyName: "d", dataKey: "h" }, dest: "headers.0x" },
    ]),
  ],
  ["!= with one value", data({ value: ["^a$"], comparator: "!=" })],
  [
    "names with a hyphen in brackets",
    filters({ exprs: [{ expr: "[a-b] == 1", fields: [{ name: "a-b", path: "x" }] }] }),
  ],
  [
    "names with a hyphen behind a backslash",
    filters({ exprs: [{ expr: "a\\-b == 1 && b", fields: ["a-b", "b"].map((name) => ({ name, path: "x" })) }] }),
  ],
  ["windows over midnight", filters({ time: { start: "22:00:00", stop: "6:00:00" } })],
  [
    "templates that parse",
    parameters({
      dependencyName: "d",
      dataTemplate: '{{- if eq .Input.a "}}" -}} {{/* {{ */}} {{ `"` }} {{ else }}{{ end }}',
    }),
  ],
  [
    "what a parameter sets",
    on([dependency], {
      template: { name: "t", http: { url: "to be set" } },
      parameters: [{ src: { dependencyName: "d" }, dest: "http.url" }],
    }),
  ],
  [
    "objects that events name",
    on([dependency], pod("a"), pod("b", { parameters: [{ src: { dependencyName: "d" }, dest: "metadata.name" }] })),
  ],
  [
    "objects in several namespaces",
    on([dependency], pod("a"), {
      template: {
        name: "b",
        k8s: { source: { resource: { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "other" } } } },
      },
    }),
  ],
  [
    "a backoff in nanoseconds",
    template({}, { atLeastOnce: true, retryStrategy: { duration: 5, factor: 1.5, jitter: 0.1, steps: 2 } }),
  ],
  ["debounce", template({ debounce: { key: "body.ref", quiet: "5s" } })],
  ["ordering", template({ ordering: { key: "a" } })],
  [
    "the list of a batch",
    template(
      { batch: { size: 5, wait: "1m" } },
      { parameters: [{ src: { dependencyName: "events", dataKey: "#" }, dest: "log.count" }] },
    ),
  ],
  [
    "joins by key within a time",
    on(
      ["d", "e"].map((name) => ({ ...dependency, name, correlate: "a", within: "5m" })),
      log,
    ),
  ],
  [
    "a schedule of leap days",
    template({ conditionsReset: [{ byTime: { cron: "0 0 29 2 *", timezone: "Europe/Rome" } }] }),
  ],
] as const) {
  test(`a Sensor is accepted without a word about ${what}`, () => assert.deepEqual(warningsOf(spec), []));
}

for (const [text, fault] of [
  ["{{ .Input", 'the "{{" at 0 is not closed'],
  ["a {{ }}", "the action at 2 is empty"],
  ['{{ "a }}', "the quote at 3 does not end"],
  ["{{ {{ }}", 'there is "{{" within an action at 3'],
  ["{{ end }}", "there is an {{end}} too many at 0"],
  ["{{ range .Input }}{{ if . }}{{ end }}", "an {{end}} is missing"],
  ["{{/* a }}", "a comment does not end"],
] as const) {
  test(`the template ${text} does not parse`, () => {
    assert.equal(checkTemplate(text, "p")[0]?.message, `is no Go template: ${fault}; it fails with each event`);
  });
}

test("a template that uses a refused function is told which, and why", () => {
  assert.equal(
    checkTemplate('{{ .Input.ref }} {{ env "HOME" }}', "p")[0]?.message,
    "the function env at 20 is not available: it reads the environment of the engine, which has secrets; " +
      "it fails with each event",
  );
  assert.deepEqual(checkTemplate('{{ now | date "2006" }}-{{ uuidv4 }}', "p"), []);
  assert.deepEqual(checkTemplate('{{ .Input.ref | trimPrefix "refs/heads/" | upper }}', "p"), []);
  assert.match(checkTemplate("{{ .Input.ref | shout }}", "p")[0]?.message ?? "", /function "shout" is not defined/);
});

test("no text makes the check of templates throw, and text without delimiters always passes", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("{", "}", '"', "'", "`", "\\", "/", "*", "-", " ", "e", "n", "d") }),
      (text) => {
        const problems = checkTemplate(text, "p");
        if (!text.includes("{{")) assert.deepEqual(problems, []);
      },
    ),
  );
});
