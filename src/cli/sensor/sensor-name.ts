import { EngineError } from "../../base/errors.ts";
import type { ResourceName } from "../../record/records.ts";

/** `NAME`, of the namespace that is given (default: `default`), or `NAMESPACE/NAME`. @throws EngineError USAGE */
export function parseSensorName(text: string, given: string | undefined): ResourceName {
  const [first = "", second, ...rest] = text.split("/");
  const [namespace, name] = second === undefined ? [given ?? "default", first] : [first, second];
  if (namespace === "" || name === "" || rest.length > 0) {
    throw new EngineError("USAGE", `"${text}" must be NAME or NAMESPACE/NAME`);
  }
  if (given !== undefined && given !== namespace) {
    throw new EngineError("USAGE", `"${text}": --namespace says "${given}": give one of them`);
  }
  return { namespace, name };
}
