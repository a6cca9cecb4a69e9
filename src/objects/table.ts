import { compileJsonPath } from "./json-path.ts";
import { moreColumns } from "./more-columns.ts";
import type { KubeObject } from "./object.ts";
import { type WorkloadColumn, workloadColumns } from "./workload-columns.ts";

/** `additionalPrinterColumns[]` of a CRD. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
  readonly jsonPath: string;
}

interface ColumnDefinition extends Omit<PrinterColumn, "jsonPath"> {}

interface Column {
  readonly definition: ColumnDefinition;
  cell(object: KubeObject, nowMs: number): unknown;
}

/** Rows of a `meta.k8s.io/v1` Table: how `kubectl get` shows objects of one kind. */
export interface TableFormat {
  readonly columnDefinitions: readonly ColumnDefinition[];
  cells(object: KubeObject, nowMs: number): unknown[];
}

/** @param kind "" for that of a CRD @param columns those of a CRD; undefined for the usual ones of the kind, or NAME and AGE. */
export function tableFormat(kind: string, columns: readonly PrinterColumn[] | undefined): TableFormat {
  const all = [nameColumn, ...(columns?.map(customColumn) ?? [...(kindColumns[kind] ?? []), ageColumn])];
  const chosen =
    kind === "Event" ? (kindColumns[kind] ?? all) : datedKinds.has(kind) ? [nameColumn, createdColumn] : all;
  return {
    columnDefinitions: chosen.map((column) => column.definition),
    cells: (object, nowMs) => chosen.map((column) => column.cell(object, nowMs)),
  };
}

/** Shown with the time of their creation instead of their age. */
const datedKinds = new Set(["CustomResourceDefinition", "Role", "ClusterRole"]);

function column(name: string, type: string, cell: Column["cell"], format = ""): Column {
  return { definition: { name, type, format, description: "", priority: 0 }, cell };
}

const nameColumn = column("Name", "string", (object) => object.metadata.name ?? "", "name");
const ageColumn = column("Age", "string", (object, nowMs) => ageText(object.metadata.creationTimestamp, nowMs));
const createdColumn = column("Created At", "date", (object) => object.metadata.creationTimestamp ?? "");

const kindColumns: Readonly<Record<string, readonly Column[]>> = {
  ...Object.fromEntries(
    Object.entries({ ...workloadColumns, ...moreColumns }).map(([kind, columns]) => [
      kind,
      columns.map(workloadColumn),
    ]),
  ),
  ConfigMap: [column("Data", "string", (object) => sizeOf(object.data) + sizeOf(object.binaryData))],
  Secret: [
    column("Type", "string", (object) => String(object.type ?? "Opaque")),
    column("Data", "string", (object) => sizeOf(object.data)),
  ],
  ServiceAccount: [column("Secrets", "string", (object) => sizeOf(object.secrets))],
  Namespace: [column("Status", "string", (object) => String(field(object.status, "phase") ?? ""))],
};

function workloadColumn([name, type, cell]: WorkloadColumn): Column {
  return column(name, type, (object, nowMs) =>
    cell(object, (from, to) => {
      const ms = (to === undefined ? nowMs : Date.parse(to)) - Date.parse(from);
      return Number.isNaN(ms) ? "<unknown>" : durationText(Math.max(0, ms));
    }),
  );
}

function customColumn(spec: PrinterColumn): Column {
  const { jsonPath, ...definition } = spec;
  const find = compileJsonPath(jsonPath);
  return {
    definition,
    cell(object, nowMs) {
      const found = find?.(object) ?? [];
      if (found.length === 0 || found[0] === null) return null;
      if (spec.type === "date") return ageText(String(found[0]), nowMs);
      if (spec.type === "string") return found.length > 1 ? found.map(cellText).join(",") : cellText(found[0]);
      return found[0];
    },
  };
}

function cellText(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function sizeOf(value: unknown): number {
  return typeof value === "object" && value !== null ? Object.keys(value).length : 0;
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function ageText(timestamp: string | undefined, nowMs: number): string {
  const then = timestamp === undefined ? Number.NaN : Date.parse(timestamp);
  return Number.isNaN(then) ? "<unknown>" : durationText(Math.max(0, nowMs - then));
}

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

/** A duration as `kubectl` shows ages: `45s`, `3m20s`, `5h`, `2d3h`, `3y20d`. */
export function durationText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 2 * minute) return `${seconds}s`;
  if (seconds < 10 * minute) return pair(seconds, minute, "m", 1, "s");
  if (seconds < 3 * hour) return `${Math.floor(seconds / minute)}m`;
  if (seconds < 8 * hour) return pair(seconds, hour, "h", minute, "m");
  if (seconds < 2 * day) return `${Math.floor(seconds / hour)}h`;
  if (seconds < 8 * day) return pair(seconds, day, "d", hour, "h");
  if (seconds < 2 * year) return `${Math.floor(seconds / day)}d`;
  if (seconds < 8 * year) return pair(seconds, year, "y", day, "d");
  return `${Math.floor(seconds / year)}y`;
}

function pair(seconds: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)}${largeUnit}${rest === 0 ? "" : `${rest}${smallUnit}`}`;
}
