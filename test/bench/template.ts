import { checkGoTemplate, compileGoTemplate } from "../../src/base/go-template/template.ts";
import type { FloatObject } from "../../src/base/json.ts";
import type { Bench, BenchRow } from "./bench.ts";

const data: FloatObject = {
  body: {
    ref: "refs/heads/main",
    commits: Array.from({ length: 20 }, (_, index) => ({ id: `c${index}`, author: { name: `author ${index}` } })),
  },
};
const text = JSON.stringify(data);

const templates = {
  "a field and a function": '{{ .body.ref | trimPrefix "refs/heads/" }}',
  "a loop of 20": "{{ range .body.commits }}{{ .id }}: {{ .author.name | upper }}\n{{ end }}",
  toJson: "{{ .body | toJson }}",
};

function perSecond(count: number, step: () => void): number {
  for (let index = 0; index < count / 10; index++) step();
  const start = performance.now();
  for (let index = 0; index < count; index++) step();
  return Math.round((count * 1_000) / (performance.now() - start));
}

async function run({ quick }: { readonly quick: boolean }): Promise<readonly BenchRow[]> {
  const count = quick ? 20_000 : 200_000;
  const limit = perSecond(count, () => JSON.parse(text));
  const rows = Object.entries(templates).map(([name, source]): BenchRow => {
    const template = compileGoTemplate(source);
    const value = perSecond(count, () => template.execute(data));
    return { name: `Go template, ${name}`, value, unit: "events/s", limit, ratio: value / limit };
  });
  const source = templates["a loop of 20"];
  const value = perSecond(count / 4, () => checkGoTemplate(source));
  return [...rows, { name: "Go template, parsed", value, unit: "texts/s", limit, ratio: value / limit }];
}

/** The limit is what every event costs before: JSON.parse of its text. */
export const templateBenches: readonly Bench[] = [{ name: "template", run }];
