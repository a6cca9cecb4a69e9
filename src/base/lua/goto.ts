import { TerminalError } from "../errors.ts";

/**
 * gopher-lua knows `goto`, Lua 5.1 does not. What scripts use it for, jumps forward to a label further down in a block around
 * them, is written here as a loop that runs once and is left. It begins with the statement that holds the first jump:
 *
 *     for … do … goto next … break … ::next:: end
 *     for … do local _break repeat … do break end … do _break = true break end … until true if _break then break end end
 *
 * A jump out of an inner loop says so to what stands behind that loop:
 *
 *     for … do for … do … goto next … end … ::next:: end
 *     for … do local _goto_next repeat for … do … do _goto_next = true break end … end if _goto_next then break end … until true end
 *
 * Lines stay where they are, for the messages.
 * @throws TerminalError SCRIPT_INVALID for a jump backwards, out of a repeat loop, and to no label
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

/** Of one block: each costs time for every jump. */
const maxLabels = 200;

/** Lua itself knows 200 levels. */
const maxDepth = 250;

interface Token {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

interface Jump extends Token {
  readonly label: string;
  /** Where the statement begins that holds it, in the block that is looked at. */
  readonly statement: number;
  /** Behind which loops it has to be asked whether to go on leaving. */
  readonly crossings: readonly number[];
  /** It would have to leave a repeat loop first, whose end nobody sees. */
  readonly leavesRepeat: boolean;
}

interface Block {
  readonly kind: "function" | "loop" | "repeat" | "other";
  /** Where the statement begins that it is a part of. */
  readonly statement: number;
  jumps: Jump[];
  breaks: Token[];
  /** In order; those that nothing stands between are one. */
  readonly labels: { readonly names: string[]; readonly from: number; to: number }[];
  /** Whether only labels came since the last one. */
  isAtLabel: boolean;
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
  /** Of the loop whose `do` is to come. */
  #loopHead: number | undefined;
  /** Of the `if` whose `then` is to come, those around it behind. */
  readonly #ifs: number[] = [];
  #goto: Token | undefined;
  isBalanced = true;

  take(token: Token): void {
    const block = this.#blocks.at(-1);
    if (block === undefined) return;
    if (this.#goto) this.#jump(block, this.#goto, token);
    else if (token.text.startsWith("::")) label(block, token);
    else if (!(token.text === ";" && block.isAtLabel) && !this.#opensOrCloses(token)) this.#statement(block, token);
  }

  #statement(block: Block, token: Token): void {
    block.isAtLabel = false;
    if (token.text === "goto") this.#goto = token;
    if (token.text === "break") block.breaks.push(token);
    if (token.text === "for" || token.text === "while") this.#loopHead = token.from;
    if (token.text === "if") this.#ifs.push(token.from);
  }

  #jump(block: Block, { from }: Token, name: Token): void {
    const jump = { text: "goto", from, to: name.to, label: name.text, statement: from };
    block.jumps.push({ ...jump, crossings: [], leavesRepeat: false });
    this.#goto = undefined;
  }

  #opensOrCloses({ text, from, to }: Token): boolean {
    let statement = from;
    if (["end", "until", "elseif", "else"].includes(text)) statement = this.#close(to);
    if (text === "function" || text === "repeat") this.#open(text, from);
    if (text === "elseif") this.#ifs.push(statement);
    if (text === "then") this.#open("other", this.#ifs.pop() ?? from);
    if (text === "else") this.#open("other", statement);
    if (text === "do") {
      this.#open(this.#loopHead === undefined ? "other" : "loop", this.#loopHead ?? from);
      this.#loopHead = undefined;
    }
    return ["end", "until", "elseif", "else", "function", "repeat", "then", "do"].includes(text);
  }

  #open(kind: Block["kind"], statement: number): void {
    const block = this.#blocks.at(-1);
    if (block) block.isAtLabel = false;
    if (this.#blocks.length > maxDepth) this.isBalanced = false;
    else this.#blocks.push(newBlock(kind, statement));
  }

  /** @returns where the statement of the block began */
  #close(to: number): number {
    const block = this.#blocks.pop();
    const outer = this.#blocks.at(-1);
    if (block === undefined || outer === undefined) {
      this.isBalanced = false;
      return to;
    }
    this.#wrap(block);
    const { kind, statement } = block;
    if (kind === "function") refuseJumps(block.jumps);
    else {
      for (const jump of block.jumps) {
        const crossings = kind === "loop" ? [...jump.crossings, to] : jump.crossings;
        outer.jumps.push({ ...jump, statement, crossings, leavesRepeat: jump.leavesRepeat || kind === "repeat" });
      }
    }
    if (kind === "other") for (const token of block.breaks) outer.breaks.push(token);
    return statement;
  }

  /** The edits, once all is read. */
  finish(): readonly Edit[] {
    const [main, ...open] = this.#blocks;
    if (main === undefined || open.length > 0) return [];
    this.#wrap(main);
    refuseJumps(main.jumps);
    return this.#edits;
  }

  /** Makes a block of what jumps to each label can leave. */
  #wrap(block: Block): void {
    const [jump] = block.jumps;
    if (jump && block.labels.length > maxLabels) throw unsupported(jump, `is in a block of over ${maxLabels} labels`);
    let least = Number.POSITIVE_INFINITY;
    for (const place of block.labels) {
      const here = block.jumps.filter(({ label, from }) => place.names.includes(label) && from < place.from);
      const [first] = here;
      if (first === undefined) continue;
      // Begins no later than what ends before it, so that one lies within the other.
      least = Math.min(least, ...here.map(({ statement }) => statement));
      block.jumps = block.jumps.filter((jump) => !here.includes(jump));
      this.#wrapTo(block, place, here, least);
    }
  }

  #wrapTo(block: Block, place: Block["labels"][number], here: readonly Jump[], start: number): void {
    const [first] = here;
    const fromRepeat = here.find(({ leavesRepeat }) => leavesRepeat);
    if (fromRepeat) throw unsupported(fromRepeat, "leaves an inner repeat loop");
    const inside = ({ from }: Token): boolean => from >= start && from < place.from;
    const breaks = block.breaks.filter(inside);
    if (block.kind !== "loop" && breaks.length > 0) throw unsupported(first, "shares its block with a break");
    const deep = here.filter(({ crossings }) => crossings.length > 0);
    const flag = `_goto_${first?.label ?? ""}`;
    const names = [...(breaks.length > 0 ? ["_break"] : []), ...(deep.length > 0 ? [flag] : [])];
    const local = names.length > 0 ? `local ${names.join(", ")} ` : "";
    this.#edits.push({ from: start, to: start, text: `${local}repeat ` });
    for (const jump of here) {
      const text = deep.includes(jump) ? `do ${flag} = true break end` : "do break end";
      this.#edits.push({ from: jump.from, to: jump.to, text });
    }
    for (const at of new Set(deep.flatMap(({ crossings }) => crossings))) {
      this.#edits.push({ from: at, to: at, text: ` if ${flag} then break end` });
    }
    for (const { from, to } of breaks) this.#edits.push({ from, to, text: "do _break = true break end" });
    block.breaks = block.breaks.filter((token) => !breaks.includes(token));
    const leave = breaks.length > 0 ? " if _break then break end" : "";
    this.#edits.push({ from: place.from, to: place.to, text: `until true${leave} ` });
    // What else jumps from here has one more loop to leave.
    block.jumps = block.jumps.map((jump) => {
      return inside(jump) ? { ...jump, crossings: [...jump.crossings, place.to] } : jump;
    });
  }
}

function newBlock(kind: Block["kind"], statement: number): Block {
  return { kind, statement, jumps: [], breaks: [], labels: [], isAtLabel: false };
}

function label(block: Block, { text, from, to }: Token): void {
  const name = text.replace(/[:\s]/g, "");
  const last = block.isAtLabel ? block.labels.at(-1) : undefined;
  if (last === undefined) block.labels.push({ names: [name], from, to });
  else {
    last.names.push(name);
    last.to = to;
  }
  block.isAtLabel = true;
}

function refuseJumps([jump]: readonly Jump[]): void {
  if (jump) throw unsupported(jump, "finds no label further down in a block around it");
}

function unsupported(jump: Jump | undefined, why: string): TerminalError {
  return new TerminalError("SCRIPT_INVALID", `goto ${jump?.label} is not supported: it ${why}`);
}
