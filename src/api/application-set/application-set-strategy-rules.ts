import type { JsonObject } from "../../base/json.ts";
import { nearest } from "../../base/nearest.ts";
import type { Problem } from "../../base/schema.ts";
import { didYouMean } from "../application-metadata-rules.ts";
import { listOf, objectOf, textOf, warningAt } from "../fields.ts";
import { operatorProblems } from "./application-set-selector-rules.ts";

const path = "spec.strategy";
const types = ["AllAtOnce", "RollingSync"];
const orders = ["AllAtOnce", "Reverse"];

/** What makes a rollout's configuration invalid, or gives it no effect (spec argo-cd-surface 1.14). */
export function strategyProblems(spec: JsonObject): Problem[] {
  const strategy = objectOf(spec.strategy);
  const type = textOf(strategy.type);
  const isRolling = type === "RollingSync";
  const problems: Problem[] = [];
  if (type !== "" && !types.includes(type)) {
    const message = `${JSON.stringify(type)} must be one of ${types.join(", ")}`;
    problems.push(warningAt(`${path}.type`, message, didYouMean(nearest(type, types))));
  }
  if (strategy.rollingSync !== undefined && !isRolling) {
    const message = "has no effect without `type: RollingSync`";
    problems.push(warningAt(`${path}.rollingSync`, message, "set `spec.strategy.type: RollingSync`"));
  }
  const steps = listOf(objectOf(strategy.rollingSync).steps).map(objectOf);
  if (isRolling && steps.length === 0) problems.push(warningAt(`${path}.rollingSync.steps`, "must have a step"));
  problems.push(...steps.flatMap((step, index) => stepProblems(step, `${path}.rollingSync.steps[${index}]`)));
  return [...problems, ...orderProblems(textOf(strategy.deletionOrder), isRolling)];
}

function orderProblems(order: string, isRolling: boolean): Problem[] {
  const at = `${path}.deletionOrder`;
  if (order === "") return [];
  if (!orders.some((known) => known.toLowerCase() === order.toLowerCase())) {
    const message = `${JSON.stringify(order)} must be one of ${orders.join(", ")}`;
    return [warningAt(at, message, didYouMean(nearest(order, orders)))];
  }
  if (order.toLowerCase() !== "reverse" || isRolling) return [];
  return [warningAt(at, "Reverse has no effect without `type: RollingSync`")];
}

function stepProblems(step: JsonObject, at: string): Problem[] {
  const expressions = listOf(step.matchExpressions).map(objectOf);
  const problems = expressions.flatMap(({ operator, values, key }, index) => {
    const where = `${at}.matchExpressions[${index}]`;
    const found = operatorProblems(textOf(operator), listOf(values).map(textOf), where, ["In", "NotIn"]);
    return textOf(key) === "" ? [...found, warningAt(`${where}.key`, "must name a label")] : found;
  });
  const { maxUpdate } = step;
  const isNumber = typeof maxUpdate === "number" && Number.isInteger(maxUpdate) && maxUpdate >= 0;
  const isShare = typeof maxUpdate === "string" && /^(\d{1,2}|100)%$/.test(maxUpdate);
  if (maxUpdate === undefined || isNumber || isShare) return problems;
  const message = `${JSON.stringify(maxUpdate)} must be a whole number from 0, or a share such as 10%`;
  return [...problems, warningAt(`${at}.maxUpdate`, message)];
}
