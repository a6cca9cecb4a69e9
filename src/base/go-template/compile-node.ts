import { sortTexts } from "../go/bytes.ts";
import { compilePipe } from "./compile-pipeline.ts";
import type { Evaluate, Execution, Flow, Run } from "./execution.ts";
import { printed } from "./format/print.ts";
import type { FunctionTable } from "./function.ts";
import type { Branch, Node } from "./nodes.ts";
import { type Fields, fieldsOf, GoInt, int, isTrue, itemsOf, typeOf, type Value } from "./values.ts";
import { Failure } from "./work.ts";

/** Nodes one after the other. */
export function compileNodes(nodes: readonly Node[], functions: FunctionTable): Run {
  const runs = nodes.map((node) => compileNode(node, functions));
  return (run, dot) => {
    for (const each of runs) {
      const flow = each(run, dot);
      if (flow !== undefined) return flow;
    }
    return undefined;
  };
}

function compileNode(node: Node, functions: FunctionTable): Run {
  switch (node.kind) {
    case "text": {
      const { value } = node;
      return (run) => write(run, value);
    }
    case "action":
      return compileAction(compilePipe(node.pipe, functions), node.pipe.variables.length > 0);
    case "break":
    case "continue": {
      const { kind } = node;
      return () => kind;
    }
    case "template":
      return compileTemplateCall(node, functions);
    case "range":
      return compileRange(node, functions);
    default:
      return compileIfOrWith(node, functions);
  }
}

function write(run: Execution, text: string): undefined {
  run.write(text);
}

/** What sets variables writes nothing. */
function compileAction(evaluate: Evaluate, isQuiet: boolean): Run {
  return (run, dot) => {
    const value = evaluate(run, dot);
    if (isQuiet) return undefined;
    return write(
      run,
      typeof value === "string" ? value : value === undefined ? "<no value>" : printed(value, run.work),
    );
  };
}

function compileTemplateCall(node: Node & { kind: "template" }, functions: FunctionTable): Run {
  const evaluate = node.pipe === undefined ? () => undefined : compilePipe(node.pipe, functions);
  return (run, dot) => {
    const template = run.named.get(node.name);
    if (template === undefined) {
      run.at = node;
      throw new Failure(`template ${JSON.stringify(node.name)} not defined`);
    }
    const value = evaluate(run, dot);
    run.at = node;
    run.called(template, value);
    return undefined;
  };
}

function compileIfOrWith({ kind, pipe, body, otherwise }: Branch, functions: FunctionTable): Run {
  const evaluate = compilePipe(pipe, functions);
  const runBody = compileNodes(body, functions);
  const runOtherwise = compileNodes(otherwise, functions);
  const inner: Run = (run, dot) => {
    const value = evaluate(run, dot);
    if (!isTrue(value)) return runOtherwise(run, dot);
    return runBody(run, kind === "with" ? value : dot);
  };
  return (run, dot) => run.nested(inner, dot);
}

/** One turn of a loop: gets the index, or none, and the element. */
type Turn = (index: Value | undefined, element: Value | undefined) => Flow;

function compileRange(node: Branch, functions: FunctionTable): Run {
  const { variables, assigns } = node.pipe;
  const evaluate = compilePipe(node.pipe, functions);
  const runBody = compileNodes(node.body, functions);
  const runOtherwise = compileNodes(node.otherwise, functions);
  const inner: Run = (run, dot) => {
    const value = evaluate(run, dot);
    run.at = node;
    const turn: Turn = (index, element) => {
      setLoopVariables(run, variables, assigns, index, element);
      return run.nested(runBody, element);
    };
    return turns(value, variables.length, turn) ? undefined : runOtherwise(run, dot);
  };
  return (run, dot) => run.nested(inner, dot);
}

function setLoopVariables(
  run: Execution,
  [first, second]: readonly string[],
  assigns: boolean,
  index: Value | undefined,
  element: Value | undefined,
): void {
  if (first === undefined) return;
  if (!assigns) {
    run.setNewest(1, element);
    if (second !== undefined) run.setNewest(2, index);
    return;
  }
  run.assign(first, second === undefined ? element : index);
  if (second !== undefined) run.assign(second, element);
}

/** Whether there was at least one turn. */
function turns(value: Value | undefined, variables: number, turn: Turn): boolean {
  if (value === undefined) return false;
  const items = itemsOf(value);
  if (items !== undefined) return turnsOfList(items, turn);
  const fields = fieldsOf(value);
  if (fields !== undefined) return turnsOfMap(fields, turn);
  if (!(value instanceof GoInt)) throw new Failure(`range can't iterate over a value of type ${typeOf(value)}`);
  if (variables > 1) throw new Failure(`can't use ${value.value} to iterate over more than one variable`);
  for (let number = 0n; number < value.value; number++) {
    if (turn(undefined, new GoInt(value.type, number)) === "break") break;
  }
  return value.value > 0n;
}

function turnsOfList(items: readonly Value[], turn: Turn): boolean {
  for (const [index, item] of items.entries()) if (turn(int(index), item) === "break") break;
  return items.length > 0;
}

function turnsOfMap(fields: Fields, turn: Turn): boolean {
  const names = sortTexts(Object.keys(fields));
  for (const name of names) if (turn(name, fields[name]) === "break") break;
  return names.length > 0;
}
