import type { JsonObject } from "../../base/json.ts";
import { nearest } from "../../base/nearest.ts";
import type { Problem } from "../../base/schema.ts";
import { didYouMean } from "../application-metadata-rules.ts";
import { isTemplate } from "../application-traps.ts";
import { listOf, objectOf, textOf, warningAt } from "../fields.ts";

const operators = ["In", "NotIn", "Exists", "DoesNotExist"];
const namePart = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const prefixPart = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/**
 * What is wrong with a label selector when it is used. `free`: over parameters, where values are any text (1.3);
 * `labels`: over labels of objects.
 */
export function selectorProblems(selector: JsonObject, path: string, values: "free" | "labels"): Problem[] {
  const labels = Object.entries(objectOf(selector.matchLabels)).flatMap(([key, value]) => [
    ...keyProblems(key, `${path}.matchLabels.${key}`),
    ...(values === "labels" ? valueProblems(textOf(value), `${path}.matchLabels.${key}`) : []),
  ]);
  const expressions = listOf(selector.matchExpressions).flatMap((entry, index) => {
    const at = `${path}.matchExpressions[${index}]`;
    const expression = objectOf(entry);
    const texts = listOf(expression.values).map(textOf);
    return [
      ...keyProblems(textOf(expression.key), `${at}.key`),
      ...operatorProblems(textOf(expression.operator), texts, at, operators),
      ...(values === "labels" ? texts.flatMap((text, place) => valueProblems(text, `${at}.values[${place}]`)) : []),
    ];
  });
  return [...labels, ...expressions];
}

/** Of a selector, and of a rollout's step, which knows two of the operators. */
export function operatorProblems(
  operator: string,
  values: readonly string[],
  path: string,
  known: readonly string[],
): Problem[] {
  if (isTemplate(operator)) return [];
  if (!known.includes(operator)) {
    const message = `${JSON.stringify(operator)} must be one of ${known.join(", ")}`;
    return [warningAt(`${path}.operator`, message, didYouMean(nearest(operator, known)))];
  }
  const needsValues = operator === "In" || operator === "NotIn";
  if (needsValues && values.length === 0) return [warningAt(`${path}.values`, `must not be empty for ${operator}`)];
  if (!needsValues && values.length > 0) return [warningAt(`${path}.values`, `must be empty for ${operator}`)];
  return [];
}

function keyProblems(key: string, path: string): Problem[] {
  if (isTemplate(key)) return [];
  const parts = key.split("/");
  const [prefix, name] = parts.length === 2 ? parts : [undefined, key];
  const isPrefix = prefix === undefined || (prefixPart.test(prefix) && prefix.length <= 253);
  if (isPrefix && namePart.test(name ?? "")) return [];
  return [warningAt(path, `${JSON.stringify(key)} must be a label's key: letters, digits, -, _ and ., at most 63`)];
}

function valueProblems(value: string, path: string): Problem[] {
  if (value === "" || isTemplate(value) || namePart.test(value)) return [];
  return [warningAt(path, `${JSON.stringify(value)} must be a label's value: letters, digits, -, _ and ., at most 63`)];
}
