import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import { ignores, triggerSchema } from "./rules.ts";
import type { TriggerKind } from "./trigger.ts";

export interface LogPlan {
  /** One for each dependency, by its name. */
  readonly lines: readonly {
    readonly message: string;
    readonly dependencyName: string;
    readonly eventContext: Readonly<Record<string, string | number | boolean>>;
  }[];
}

/** spec argo-events 6.5.13 */
export const logSchema = {
  type: "object",
  description: "Writes the events to the log: a line for each dependency.",
  properties: { intervalSeconds: { type: "integer", description: "Has no effect.", minimum: 0 } },
} as const satisfies JsonSchema;

type LogSpec = SpecOf<typeof logSchema>;

/** One info line for each dependency: the event's data, and what it is. */
export const logTrigger: TriggerKind<LogSpec, LogPlan> = {
  schema: triggerSchema<LogSpec>(logSchema, ignores("intervalSeconds", "each event is logged")),
  plan(_spec, { events }) {
    return {
      lines: Object.keys(events)
        .sort()
        .flatMap((dependencyName) => {
          const event = events[dependencyName];
          return event ? [{ message: dataText(event), dependencyName, eventContext: contextOf(event) }] : [];
        }),
    };
  },
  apply({ lines }, _firing, { log }) {
    for (const { message, dependencyName, eventContext } of lines) log.info(message, { dependencyName, eventContext });
    return { message: `logged ${lines.length} ${lines.length === 1 ? "event" : "events"}` };
  },
};

function dataText({ data, datacontenttype }: CloudEvent): string {
  const text = typeof data === "string" && datacontenttype === "text/plain" ? data : JSON.stringify(data);
  const isText = datacontenttype === "application/json" || datacontenttype === "text/plain";
  return isText ? text : Buffer.from(text).toString("base64");
}

function contextOf({ id, source, type, subject, time, datacontenttype, extensions }: CloudEvent): LogContext {
  return { id, source, specversion: "1.0", type, datacontenttype, subject, time, ...extensions };
}

type LogContext = LogPlan["lines"][number]["eventContext"];
