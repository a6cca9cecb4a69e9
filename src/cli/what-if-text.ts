import { formatYaml } from "../base/yaml.ts";
import type { WhatIfFiring, WhatIfReport, WhatIfSensor } from "../events/trial/what-if.ts";

/** For people: what would fire, and what each would do. */
export function whatIfText({ events, namespace, sensors }: WhatIfReport): string {
  const shown = events.map(({ id, eventSource, event }) => `event ${id}: ${namespace}/${eventSource} ${event}`);
  const answers = sensors.length === 0 ? ["no Sensor listens to it"] : sensors.flatMap(sensorLines);
  return [...shown, ...answers, ""].join("\n");
}

function sensorLines({ sensor, firings, refused, waiting, note }: WhatIfSensor): readonly string[] {
  return [
    `Sensor ${sensor.namespace}/${sensor.name}`,
    ...refused.map(({ dependency, verdict, reason }) => `  dependency ${dependency} ${verdict}: ${reason}`),
    ...firings.flatMap(firingLines),
    ...waiting.map((trigger) => `  ${trigger} would wait for other events`),
    ...(firings.length + refused.length + waiting.length === 0 ? ["  nothing would fire"] : []),
    ...(note === undefined ? [] : [`  note: ${note}`]),
  ];
}

function firingLines({ trigger, inMs, plan, preview, error }: WhatIfFiring): readonly string[] {
  const when = inMs > 0 ? ` in ${inMs} ms` : "";
  return [
    `  ${trigger} would fire${when}${error === undefined ? "" : `, and fail: ${error}`}`,
    ...(preview ? [`    ${preview.summary}`, ...(preview.diff ?? []).map((line) => `      ${line}`)] : []),
    ...(preview?.diff === undefined && plan !== undefined ? indented(formatYaml(plan)) : []),
  ];
}

function indented(text: string): readonly string[] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => `      ${line}`);
}
