import type { Branch, Node, Operand, Pipe } from "./nodes.ts";

/** The fields that are read of the data, `.a.b` and `$.a.b`, where the dot is still the data: not in loops and `with`. */
export function dotFields(nodes: readonly Node[]): readonly (readonly string[])[] {
  return nodes.flatMap((node) => {
    switch (node.kind) {
      case "action":
        return ofPipe(node.pipe);
      case "template":
        return node.pipe ? ofPipe(node.pipe) : [];
      case "if":
      case "with":
      case "range":
        return ofBranch(node);
      default:
        return [];
    }
  });
}

function ofBranch({ kind, pipe, body, otherwise }: Branch): readonly (readonly string[])[] {
  const within = kind === "if" ? dotFields(body) : [];
  return [...ofPipe(pipe), ...within, ...dotFields(otherwise)];
}

function ofPipe(pipe: Pipe): readonly (readonly string[])[] {
  return pipe.commands.flatMap(({ operands }) => operands.flatMap(ofOperand));
}

function ofOperand(operand: Operand): readonly (readonly string[])[] {
  switch (operand.kind) {
    case "field":
      return [operand.names];
    case "variable":
      return operand.name === "$" && operand.names.length > 0 ? [operand.names] : [];
    case "chain":
      return ofOperand(operand.of);
    case "pipe":
      return ofPipe(operand.pipe);
    default:
      return [];
  }
}
