import { TerminalError } from "../errors.ts";

/**
 * gopher-lua knows `goto`, Lua 5.1 does not. What scripts use it for, `goto continue` to a label at the end of a block, is
 * written here as a loop that runs once and is left:
 *
 *     for … do … goto next … break … ::next:: end
 *     for … do local _break repeat … do break end … do _break = true break end … until true if _break then break end end
 *
 * Lines stay where they are, for the messages.
 * @throws TerminalError SCRIPT_INVALID for a label elsewhere, a jump out of an inner loop, and one to no label
 */
export function withoutGoto(text: string): string {
  if (!/\bgoto\b/.test(text)) return text;
  const scanner = new Scanner();
  for (const match of text.matchAll(tokens)) {
    const [token] = match;
    if (unfinished.test(token) || !scanner.isBalanced) return text;
    if (/^--|^\s/.test(token)) continue;
    scanner.take({ text: token, from: match.index, to: match.index + token.length });
  }
  return scanner.isBalanced ? applyEdits(text, scanner.finish()) : text; // Lua says what is wrong
}

const tokens =
  /--\[(=*)\[[\s\S]*?\]\1\]|--\[=*\[|--[^\n]*|\[(=*)\[[\s\S]*?\]\2\]|\[=*\[|"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*'|\s+|::\s*[A-Za-z_]\w*\s*::|[A-Za-z_]\w*|\S/g;

/** A string or comment that does not end. Reading on would look for its end again and again. */
const unfinished = /^(?:["']|(?:--)?\[=*\[)$/;

/** Lua itself knows 200 levels. */
const maxDepth = 250;

interface Token {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

interface Jump extends Token {
  readonly label: string;
  /** It would have to leave an inner loop first. */
  readonly isDeep: boolean;
}

interface Block {
  readonly kind: "function" | "loop" | "repeat" | "other";
  /** Where its first statement may stand. */
  readonly from: number;
  jumps: Jump[];
  breaks: Token[];
  /** The last label, when only labels came behind it. */
  end: { readonly names: string[]; readonly from: number; to: number } | undefined;
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  let result = "";
  let at = 0;
  for (const edit of [...edits].sort((a, b) => a.from - b.from)) {
    // A label may go over lines.
    const lines = text.slice(edit.from, edit.to).replace(/[^\n]/g, "");
    result += text.slice(at, edit.from) + edit.text + lines;
    at = edit.to;
  }
  return result + text.slice(at);
}

/** Follows the blocks of a script. */
class Scanner {
  readonly #blocks: Block[] = [newBlock("function", 0)];
  readonly #edits: Edit[] = [];
  #isLoopHead = false;
  #goto: Token | undefined;
  isBalanced = true;

  take(token: Token): void {
    const block = this.#blocks.at(-1);
    if (block === undefined) return;
    if (this.#goto) this.#jump(block, this.#goto, token);
    else if (token.text.startsWith("::")) label(block, token);
    else if (!(token.text === ";" && block.end) && !this.#opensOrCloses(token)) this.#statement(block, token);
  }

  #statement(block: Block, token: Token): void {
    block.end = undefined;
    if (token.text === "goto") this.#goto = token;
    if (token.text === "break") block.breaks.push(token);
    if (token.text === "for" || token.text === "while") this.#isLoopHead = true;
  }

  #jump(block: Block, { from }: Token, name: Token): void {
    block.jumps.push({ text: "goto", from, to: name.to, label: name.text, isDeep: false });
    this.#goto = undefined;
  }

  #opensOrCloses({ text, to }: Token): boolean {
    if (["end", "until", "elseif", "else"].includes(text)) this.#close();
    if (text === "function" || text === "repeat") this.#open(text, to);
    if (text === "then" || text === "else") this.#open("other", to);
    if (text === "do") {
      this.#open(this.#isLoopHead ? "loop" : "other", to);
      this.#isLoopHead = false;
    }
    return ["end", "until", "elseif", "else", "function", "repeat", "then", "do"].includes(text);
  }

  #open(kind: Block["kind"], from: number): void {
    const block = this.#blocks.at(-1);
    if (block) block.end = undefined;
    if (this.#blocks.length > maxDepth) this.isBalanced = false;
    else this.#blocks.push(newBlock(kind, from));
  }

  #close(): void {
    const block = this.#blocks.pop();
    const outer = this.#blocks.at(-1);
    if (block === undefined || outer === undefined) {
      this.isBalanced = false;
      return;
    }
    this.#wrap(block);
    const isLoop = block.kind === "loop" || block.kind === "repeat";
    if (block.kind === "function") refuseJumps(block.jumps);
    else for (const jump of block.jumps) outer.jumps.push(isLoop ? { ...jump, isDeep: true } : jump);
    if (block.kind === "other") for (const token of block.breaks) outer.breaks.push(token);
  }

  /** The edits, once all is read. */
  finish(): readonly Edit[] {
    const [main, ...open] = this.#blocks;
    if (main === undefined || open.length > 0) return [];
    this.#wrap(main);
    refuseJumps(main.jumps);
    return this.#edits;
  }

  /** Makes a block of what jumps to its end can leave. */
  #wrap(block: Block): void {
    const { end, kind, breaks } = block;
    const here = block.jumps.filter((jump) => end?.names.includes(jump.label));
    if (end === undefined || here.length === 0) return;
    const [deep] = here.filter((jump) => jump.isDeep);
    if (deep) throw unsupported(deep, "leaves an inner loop");
    if (kind === "repeat") throw unsupported(here[0], "is in a repeat loop");
    if (kind !== "loop" && breaks.length > 0) throw unsupported(here[0], "shares its block with a break");
    block.jumps = block.jumps.filter((jump) => !here.includes(jump));
    const hasBreaks = breaks.length > 0;
    this.#edits.push({ from: block.from, to: block.from, text: hasBreaks ? " local _break repeat " : " repeat " });
    for (const { from, to } of here) this.#edits.push({ from, to, text: "do break end" });
    for (const { from, to } of breaks) this.#edits.push({ from, to, text: "do _break = true break end" });
    const leave = hasBreaks ? " if _break then break end" : "";
    this.#edits.push({ from: end.from, to: end.to, text: `until true${leave} ` });
  }
}

function newBlock(kind: Block["kind"], from: number): Block {
  return { kind, from, jumps: [], breaks: [], end: undefined };
}

function label(block: Block, { text, from, to }: Token): void {
  const name = text.replace(/[:\s]/g, "");
  block.end ??= { names: [], from, to };
  block.end.names.push(name);
  block.end.to = to;
}

function refuseJumps([jump]: readonly Jump[]): void {
  if (jump) throw unsupported(jump, "finds no label at the end of a block around it");
}

function unsupported(jump: Jump | undefined, why: string): TerminalError {
  return new TerminalError("SCRIPT_INVALID", `goto ${jump?.label} is not supported: it ${why}`);
}
