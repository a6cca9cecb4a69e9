import { bytesOf, textOf } from "../go/bytes.ts";
import type { Evaluate, Execution } from "./execution.ts";
import { fieldOf } from "./fields.ts";
import { type FunctionTable, type GoFunction, literalValue, type Param } from "./function.ts";
import type { Command, Operand, Pipe } from "./nodes.ts";
import { GoStruct, isTrue, type Value } from "./values.ts";
import { Failure } from "./work.ts";

/** A command with what the command before it in the pipe gave, if there is one. */
type Stage = (run: Execution, dot: Value | undefined, piped: Value | undefined, hasPiped: boolean) => Value | undefined;

/** An argument as its parameter made it. */
type Argument = (run: Execution, dot: Value | undefined) => unknown;

/** A pipe, its variables set. */
export function compilePipe(pipe: Pipe, functions: FunctionTable): Evaluate {
  const stages = pipe.commands.map((command) => compileCommand(command, functions));
  const evaluate = chained(stages);
  if (pipe.variables.length === 0) return evaluate;
  return (run, dot) => {
    const value = evaluate(run, dot);
    run.at = pipe;
    for (const name of pipe.variables) {
      if (pipe.assigns) run.assign(name, value);
      else run.declare(name, value);
    }
    return value;
  };
}

/** A nil interface that a pipe gives is no value any more, as in Go. */
function chained(stages: readonly Stage[]): Evaluate {
  const [first, ...rest] = stages;
  if (first === undefined) return () => undefined;
  if (rest.length === 0) return (run, dot) => first(run, dot, undefined, false) ?? undefined;
  return (run, dot) => {
    let value = first(run, dot, undefined, false) ?? undefined;
    for (const stage of rest) value = stage(run, dot, value, true) ?? undefined;
    return value;
  };
}

function compileCommand(command: Command, functions: FunctionTable): Stage {
  const [head, ...rest] = command.operands;
  if (head.kind === "function") return compileCall(head.name, rest, command, functions);
  const evaluate = compileOperand(head, functions);
  const method = compileMethod(head, rest, functions);
  return (run, dot, piped, hasPiped) => {
    run.work.spend();
    return rest.length > 0 || hasPiped ? method(run, dot, piped, hasPiped) : evaluate(run, dot);
  };
}

/** A command with arguments that is no function: a method of a struct, the last name of the operand. */
function compileMethod(head: Operand, rest: readonly Operand[], functions: FunctionTable): Stage {
  const name = "names" in head ? head.names.at(-1) : undefined;
  const of = "names" in head ? compileOperand({ ...head, names: head.names.slice(0, -1) }, functions) : undefined;
  const args = rest.map((operand) => compileOperand(operand, functions));
  const takesNothing = `can't give argument to non-function ${head.text}`;
  return (run, dot, piped, hasPiped) => {
    const value = name === undefined ? undefined : of?.(run, dot);
    run.at = head;
    if (name === undefined || !(value instanceof GoStruct)) throw new Failure(takesNothing);
    const given = args.map((arg) => arg(run, dot) ?? null);
    run.at = head;
    const result = value.call(name, hasPiped ? [...given, piped ?? null] : given);
    if (result === undefined) throw new Failure(takesNothing);
    return typeof result === "string" ? sized(result, run) : result;
  };
}

function sized(text: string, run: Execution): string {
  run.work.text(text.length);
  return text;
}

/** An operand by itself. What is missing stays apart from nil. */
function compileOperand(operand: Operand, functions: FunctionTable): Evaluate {
  switch (operand.kind) {
    case "dot":
      return (_run, dot) => dot;
    case "field":
      return compileFields((_run, dot) => dot, operand, operand.names);
    case "variable": {
      const { name } = operand;
      return compileFields((run) => run.read(name), operand, operand.names);
    }
    case "chain":
      return compileChain(operand, functions);
    case "pipe":
      return compilePipe(operand.pipe, functions);
    case "function": {
      const call = compileCall(operand.name, [], operand, functions);
      return (run, dot) => call(run, dot, undefined, false);
    }
    case "nil":
      return (run) => {
        run.at = operand;
        throw new Failure("nil is not a command");
      };
    default:
      return compileLiteral(operand);
  }
}

/** Fields of what parentheses or a function give. */
function compileChain(chain: Operand & { kind: "chain" }, functions: FunctionTable): Evaluate {
  const evaluate = compileOperand(chain.of, functions);
  const of: Evaluate = (run, dot) => {
    const value = evaluate(run, dot);
    run.at = chain;
    return value;
  };
  return compileFields(of, chain, chain.names);
}

function compileLiteral(operand: Operand): Evaluate {
  if (operand.kind === "string" || operand.kind === "bool") return () => operand.value;
  return (run) => {
    run.at = operand;
    return literalValue(operand);
  };
}

function compileFields(of: Evaluate, operand: Operand, names: readonly string[]): Evaluate {
  return (run, dot) => {
    run.at = operand;
    let value = of(run, dot);
    for (const name of names) value = fieldOf(value, name, run.missingKey);
    return value;
  };
}

function compileCall(
  name: string,
  operands: readonly Operand[],
  at: { readonly at: number; readonly text: string },
  functions: FunctionTable,
): Stage {
  if (name === "and" || name === "or") return compileLogic(name, operands, at, functions);
  const called = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (called === undefined) {
    return () => {
      throw new Failure(`${JSON.stringify(name)} is not a defined function`);
    };
  }
  const args = operands.map((operand, index) => compileArgument(operand, paramAt(called, index), functions));
  const last = paramAt(called, operands.length);
  const withoutPipe = wrongCount(called, name, operands.length);
  const withPipe = wrongCount(called, name, operands.length + 1);
  return (run, dot, piped, hasPiped) => {
    run.work.spend();
    const wrong = hasPiped ? withPipe : withoutPipe;
    if (wrong !== undefined) return failAt(run, at, wrong);
    const values: unknown[] = [];
    for (const arg of args) values.push(arg(run, dot));
    run.at = at;
    if (hasPiped) values.push(last?.accept(piped));
    return invoke(run, called, name, values);
  };
}

function failAt(run: Execution, at: { readonly at: number; readonly text: string }, message: string): never {
  run.at = at;
  throw new Failure(message);
}

/** A failure of the function itself names it; a limit that is reached there stays what it is. */
function invoke(run: Execution, called: GoFunction, name: string, values: readonly unknown[]): Value | undefined {
  try {
    const result = called.call(values, run.work);
    // Halves of a character that were put together are one again.
    return typeof result === "string" && !result.isWellFormed() ? textOf(bytesOf(result)) : result;
  } catch (error) {
    if (error instanceof Failure) throw new Failure(`error calling ${name}: ${error.message}`);
    throw error;
  }
}

function paramAt({ params, rest }: GoFunction, index: number): Param<unknown> | undefined {
  return params[index] ?? rest;
}

function wrongCount({ params, rest }: GoFunction, name: string, got: number): string | undefined {
  const want = params.length;
  if (rest !== undefined && got < want) return `wrong number of args for ${name}: want at least ${want} got ${got}`;
  return rest === undefined && got !== want ? `wrong number of args for ${name}: want ${want} got ${got}` : undefined;
}

/** `param` is absent for one argument too many, of which the call fails anyway. */
function compileArgument(operand: Operand, param: Param<unknown> | undefined, functions: FunctionTable): Argument {
  if (param === undefined) return () => undefined;
  if (operand.kind === "nil") {
    return (run) => {
      run.at = operand;
      if (!param.takesNil) throw new Failure(`cannot assign nil to ${param.type}`);
      return param.accept(undefined);
    };
  }
  if (operand.kind === "string" || operand.kind === "bool" || operand.kind === "number") {
    return (run) => {
      run.at = operand;
      return param.literal(operand);
    };
  }
  const evaluate = compileOperand(operand, functions);
  return (run, dot) => {
    const value = evaluate(run, dot);
    run.at = operand;
    return param.accept(value);
  };
}

/** `and` and `or` evaluate no more than they need. */
function compileLogic(
  name: "and" | "or",
  operands: readonly Operand[],
  at: { readonly at: number; readonly text: string },
  functions: FunctionTable,
): Stage {
  const args = operands.map((operand) =>
    operand.kind === "nil" ? () => undefined : compileOperand(operand, functions),
  );
  return (run, dot, piped, hasPiped) => {
    run.work.spend();
    if (args.length === 0 && !hasPiped)
      return failAt(run, at, `wrong number of args for ${name}: want at least 1 got 0`);
    let value: Value | undefined;
    for (const arg of args) {
      value = arg(run, dot);
      if (isTrue(value) === (name === "or")) return value;
    }
    return hasPiped ? piped : value;
  };
}
