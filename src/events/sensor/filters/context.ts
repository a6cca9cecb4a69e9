import { shownValue } from "../../../record/records.ts";
import { everyEntry, type Filter, passed, rejected } from "./outcome.ts";

/** The others (`id`, `specversion`, `time`) are accepted and ignored (spec argo-events 5.4). */
const comparedFields = ["type", "subject", "source", "datacontenttype"] as const;

/** Exact equality of each field given that is not empty. */
export function compileContextFilter(context: Readonly<Record<string, string>>, field: string): Filter {
  return everyEntry(
    comparedFields.flatMap((name): Filter[] => {
      const wanted = context[name];
      if (!wanted) return [];
      const at = `${field}.${name}`;
      return [
        (event) =>
          event[name] === wanted
            ? passed
            : rejected(at, () => `${at}: is ${shownValue(event[name])}, wanted ${JSON.stringify(wanted)}`),
      ];
    }),
  );
}
