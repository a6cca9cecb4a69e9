import {
  anyType,
  boolType,
  combined,
  durationType,
  floatType,
  intType,
  isAny,
  isAssignable,
  isBool,
  isComparable,
  isDuration,
  isInteger,
  isNumber,
  isString,
  isTime,
  mayFit,
  nameOf,
  sliceOf,
  type Type,
  timeType,
} from "./types.ts";

interface Operands {
  readonly operator: string;
  readonly left: Type | undefined;
  readonly right: Type | undefined;
  /** What the items of a list on the right are, where they are all alike. */
  readonly item: Type | undefined;
}

/** The type of the result; a text says why there is none. */
export function binaryType(operands: Operands): Type | undefined | string {
  const { operator, left, right } = operands;
  if (operator === "??") return coalesced(left, right);
  if (operator === "in") return isIn(operands);
  return resultOf(operator, left, right) ?? `${operator} does not go with ${nameOf(left)} and ${nameOf(right)}`;
}

function resultOf(operator: string, left: Type | undefined, right: Type | undefined): Type | undefined {
  switch (operator) {
    case "==":
    case "!=":
      return when(isComparable(left, right), boolType);
    case "or":
    case "||":
    case "and":
    case "&&":
      return when((isBool(left) && isBool(right)) || mayFit(left, right, isBool), boolType);
    case "<":
    case ">":
    case ">=":
    case "<=":
      return when(areOrdered(left, right) || mayFit(left, right, isNumber, isString, isTime), boolType);
    case "matches":
    case "contains":
    case "startsWith":
    case "endsWith":
      return when((isString(left) && isString(right)) || mayFit(left, right, isString), boolType);
    case "..":
      return when((isInteger(left) && isInteger(right)) || mayFit(left, right, isInteger), sliceOf(intType));
    default:
      return computed(operator, left, right);
  }
}

function when(fits: boolean, type: Type): Type | undefined {
  return fits ? type : undefined;
}

function areOrdered(left: Type | undefined, right: Type | undefined): boolean {
  return [isNumber, isString, isTime].some((test) => test(left) && test(right));
}

function computed(operator: string, left: Type | undefined, right: Type | undefined): Type | undefined {
  const areNumbers = left !== undefined && right !== undefined && isNumber(left) && isNumber(right);
  switch (operator) {
    case "+":
      return areNumbers ? combined(left, right) : added(left, right);
    case "-":
      return areNumbers ? combined(left, right) : subtracted(left, right);
    case "*":
      return areNumbers ? combined(left, right) : when(mayFit(left, right, isNumber), anyType);
    case "%":
      if (areNumbers && isInteger(left) && isInteger(right)) return combined(left, right);
      return when(mayFit(left, right, isInteger), anyType);
    default:
      return when(areNumbers || mayFit(left, right, isNumber), floatType);
  }
}

function added(left: Type | undefined, right: Type | undefined): Type | undefined {
  if (isString(left) && isString(right)) return left;
  if ((isTime(left) && isDuration(right)) || (isDuration(left) && isTime(right))) return timeType;
  return when(mayFit(left, right, isNumber, isString, isTime, isDuration), anyType);
}

function subtracted(left: Type | undefined, right: Type | undefined): Type | undefined {
  if (isTime(left) && isTime(right)) return durationType;
  if (isTime(left) && isDuration(right)) return timeType;
  return when(mayFit(left, right, isNumber, isTime), anyType);
}

function coalesced(left: Type | undefined, right: Type | undefined): Type | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return isAssignable(right, left) ? left : anyType;
}

function isIn({ left, right, item }: Operands): Type | string {
  const isKnown = left !== undefined && !isAny(left);
  switch (right?.kind) {
    case "interface":
      return boolType;
    case "map":
      if (!isKnown || isAssignable(left, right.key ?? anyType)) return boolType;
      return `a key of a ${right.name} cannot be of type ${left.name}`;
    case "slice":
      return isItem(left, right.item) ?? isItem(left, item) ?? boolType;
    case "struct":
    case "string":
      if (isAny(left) || (isString(left) && right.kind === "struct")) return boolType;
      break;
    default:
  }
  return `in does not go with ${nameOf(left)} and ${nameOf(right)}`;
}

/** What is wrong with looking for one of them among items of that type. */
function isItem(type: Type | undefined, item: Type | undefined): string | undefined {
  if (isComparable(type, item)) return undefined;
  return `an item of type ${nameOf(item)} cannot be a ${nameOf(type)}`;
}
