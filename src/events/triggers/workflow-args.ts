import { TerminalError } from "../../base/errors.ts";

/** What `args` of an `argoWorkflow` trigger ask for: flags of the `argo` command (spec argo-events 6.4.2). */
export interface WorkflowArgs {
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly generateName?: string;
  readonly entrypoint?: string;
  readonly serviceAccount?: string;
  readonly namespace?: string;
  readonly priority?: number;
  readonly message?: string;
  readonly nodeFieldSelector?: string;
  readonly memoized: boolean;
  readonly restartSuccessful: boolean;
}

type Draft = { -readonly [Key in keyof WorkflowArgs]: WorkflowArgs[Key] } & {
  parameters: { name: string; value: string }[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
};

interface Flag {
  readonly operations: readonly string[];
  /** Without it the flag takes no value. */
  readonly take?: (draft: Draft, value: string, flag: string) => void;
  readonly set?: (draft: Draft) => void;
  /** Of the command itself, of what it prints and how long it waits: accepted, without effect. */
  readonly isOutput?: boolean;
}

const starts = ["submit", "submit-from"];
const all = [...starts, "resubmit", "resume", "retry", "stop", "suspend", "terminate"];

const text =
  (field: "name" | "generateName" | "entrypoint" | "serviceAccount" | "namespace" | "message" | "nodeFieldSelector") =>
  (draft: Draft, value: string): void => {
    draft[field] = value;
  };

const flags: Readonly<Record<string, Flag>> = {
  "--parameter": {
    operations: [...starts, "resubmit", "retry"],
    take: (draft, value, flag) => draft.parameters.push(pairOf(value, flag)),
  },
  "--labels": {
    operations: starts,
    take: (draft, value, flag) => addPairs(draft.labels, value, flag),
  },
  "--annotations": {
    operations: starts,
    take: (draft, value, flag) => addPairs(draft.annotations, value, flag),
  },
  "--name": { operations: starts, take: text("name") },
  "--generate-name": { operations: starts, take: text("generateName") },
  "--entrypoint": { operations: starts, take: text("entrypoint") },
  "--serviceaccount": { operations: starts, take: text("serviceAccount") },
  "--namespace": { operations: all, take: text("namespace") },
  "--priority": {
    operations: [...starts, "resubmit"],
    take(draft, value, flag) {
      if (!/^-?\d{1,9}$/.test(value)) throw invalid(`${flag} "${value}" must be an integer`);
      draft.priority = Number(value);
    },
  },
  "--instanceid": {
    operations: all,
    take(draft, value) {
      if (value !== "") draft.labels["workflows.argoproj.io/controller-instanceid"] = value;
    },
  },
  "--message": { operations: ["stop", "resume"], take: text("message") },
  "--node-field-selector": { operations: ["stop", "resume", "retry"], take: text("nodeFieldSelector") },
  "--memoized": {
    operations: ["resubmit"],
    set: (draft) => {
      draft.memoized = true;
    },
  },
  "--restart-successful": {
    operations: ["retry"],
    set: (draft) => {
      draft.restartSuccessful = true;
    },
  },
  "--output": { operations: all, take: () => undefined, isOutput: true },
  "--log-format": { operations: all, take: () => undefined, isOutput: true },
  "--request-timeout": { operations: all, take: () => undefined, isOutput: true },
  "--strict": { operations: starts, isOutput: true },
  "--loglevel": { operations: all, take: () => undefined, isOutput: true },
  "--log": { operations: all, isOutput: true },
  "--verbose": { operations: all, isOutput: true },
};

const shortFlags: Readonly<Record<string, string>> = {
  "-p": "--parameter",
  "-l": "--labels",
  "-n": "--namespace",
  "-o": "--output",
  "-v": "--verbose",
};

/** @throws TerminalError MANIFEST_INVALID for a flag that is not known, or that the operation does not take */
export function parseWorkflowArgs(args: readonly string[], operation: string): WorkflowArgs {
  const draft: Draft = { parameters: [], labels: {}, annotations: {}, memoized: false, restartSuccessful: false };
  const left = [...args];
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    const { name, value } = splitFlag(word);
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (!flag)
      throw invalid(`"${word.slice(0, 80)}" is no argument that is supported; known are ${knownFlags(operation)}`);
    if (!flag.operations.includes(operation)) throw invalid(`${name} has no meaning for ${operation}`);
    if (!flag.take) {
      if (value !== "false") flag.set?.(draft);
      continue;
    }
    const taken = value ?? left.shift();
    if (taken === undefined) throw invalid(`${name} needs a value`);
    flag.take(draft, taken, name);
  }
  return draft;
}

function splitFlag(word: string): { readonly name: string; readonly value?: string } {
  if (word.startsWith("--")) {
    const at = word.indexOf("=");
    return at < 0 ? { name: word } : { name: word.slice(0, at), value: word.slice(at + 1) };
  }
  const long = shortFlags[word.slice(0, 2)];
  if (long === undefined) return { name: word };
  const rest = word.slice(2).replace(/^=/, "");
  return rest === "" ? { name: long } : { name: long, value: rest };
}

function knownFlags(operation: string): string {
  return Object.entries(flags)
    .filter(([, { operations, isOutput }]) => operations.includes(operation) && !isOutput)
    .map(([name]) => name)
    .join(", ");
}

function addPairs(into: Record<string, string>, list: string, flag: string): void {
  for (const one of list.split(",").filter((part) => part !== "")) {
    const { name, value } = pairOf(one, flag);
    into[name] = value;
  }
}

function pairOf(text: string, flag: string): { readonly name: string; readonly value: string } {
  const at = text.indexOf("=");
  if (at <= 0) throw invalid(`${flag} "${text.slice(0, 80)}" must be name=value`);
  return { name: text.slice(0, at), value: text.slice(at + 1) };
}

function invalid(message: string): TerminalError {
  return new TerminalError("MANIFEST_INVALID", `argoWorkflow.args: ${message}`);
}
