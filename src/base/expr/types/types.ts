/**
 * What is known of a value before it is there: Go's types, as the original's checker has them. `undefined` stands for
 * nil, and for what was not looked at.
 */
export interface Type {
  readonly kind: "interface" | "bool" | "int" | "int64" | "float64" | "string" | "slice" | "map" | "struct" | "func";
  /** As Go writes it; two types are the same when their names are. */
  readonly name: string;
  readonly key?: Type;
  /** Of a slice or a map. */
  readonly item?: Type;
  /** What a call of a method gives. */
  readonly result?: Type;
  readonly parameters?: readonly Type[];
}

export const anyType: Type = { kind: "interface", name: "interface {}" };
export const boolType: Type = { kind: "bool", name: "bool" };
export const intType: Type = { kind: "int", name: "int" };
export const int64Type: Type = { kind: "int64", name: "int64" };
export const floatType: Type = { kind: "float64", name: "float64" };
export const stringType: Type = { kind: "string", name: "string" };
export const timeType: Type = { kind: "struct", name: "time.Time" };
export const durationType: Type = { kind: "int64", name: "time.Duration" };
export const monthType: Type = { kind: "int", name: "time.Month" };
export const weekdayType: Type = { kind: "int", name: "time.Weekday" };
export const functionType: Type = { kind: "func", name: "func(...interface {}) (interface {}, error)" };

export function sliceOf(item: Type): Type {
  return { kind: "slice", name: `[]${item.name}`, item };
}

export function mapOf(key: Type, item: Type): Type {
  return { kind: "map", name: `map[${key.name}]${item.name}`, key, item };
}

export const listType = sliceOf(anyType);
export const mapType = mapOf(stringType, anyType);
export const groupsType = mapOf(anyType, listType);
export const pairsMapType = mapOf(anyType, anyType);

export function nameOf(type: Type | undefined): string {
  return type?.name ?? "nil";
}

export function isAny(type: Type | undefined): boolean {
  return type?.kind === "interface";
}

/** Durations and months are integers too, as far as the checker goes. */
export function isInteger(type: Type | undefined): boolean {
  return type?.kind === "int" || type?.kind === "int64";
}

export function isNumber(type: Type | undefined): boolean {
  return isInteger(type) || type?.kind === "float64";
}

export function isBool(type: Type | undefined): boolean {
  return type?.kind === "bool";
}

export function isString(type: Type | undefined): boolean {
  return type?.kind === "string";
}

export function isTime(type: Type | undefined): boolean {
  return type?.name === timeType.name;
}

export function isDuration(type: Type | undefined): boolean {
  return type?.name === durationType.name;
}

export function isAssignable(type: Type, to: Type): boolean {
  return type.name === to.name || isAny(to);
}

/** Whether `==` is allowed. */
export function isComparable(left: Type | undefined, right: Type | undefined): boolean {
  if (left === undefined || right === undefined || left.kind === right.kind) return true;
  return (isNumber(left) && isNumber(right)) || isAny(left) || isAny(right);
}

/** Of two numbers. */
export function combined(left: Type, right: Type): Type {
  if (left.kind === right.kind) return left;
  return left.kind === "float64" || right.kind === "float64" ? floatType : intType;
}

type Test = (type: Type | undefined) => boolean;

/** Whether the types may turn out to fit: one is not known, and the other is not known either or passes a test. */
export function mayFit(left: Type | undefined, right: Type | undefined, ...tests: readonly Test[]): boolean {
  if (isAny(left) && isAny(right)) return true;
  if (isAny(left)) return tests.some((test) => test(right));
  return isAny(right) && tests.some((test) => test(left));
}

/** Named types are compared as they come, the others by faster and stricter means. */
export function isPlain(type: Type | undefined): boolean {
  return type !== undefined && !type.name.startsWith("time.");
}
