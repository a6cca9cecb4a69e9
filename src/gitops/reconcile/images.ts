import { objectsOf, textOf } from "../../api/fields.ts";
import { isJsonObject, type JsonValue } from "../../base/json.ts";

/** Images of containers, wherever a kind has them. */
export function imagesIn(value: JsonValue): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((one) => imagesIn(one as JsonValue));
  if (!isJsonObject(value)) return [];
  const containers = [...objectsOf(value.containers), ...objectsOf(value.initContainers)];
  const own = containers.map(({ image }) => textOf(image)).filter((image) => image !== "");
  return [...own, ...Object.values(value).flatMap((one) => (one === undefined ? [] : imagesIn(one)))];
}
