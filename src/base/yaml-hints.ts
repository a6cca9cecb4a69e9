import { EVENT_ID, type Event, type YAMLException } from "js-yaml";

/** What is wrong with a text, and the offset where. */
export interface YamlFault {
  readonly reason: string;
  readonly offset: number;
}

const needsQuotes = "text that begins with {{ needs quotes";

/** What an error of the parser means to people who forgot quotes: `name: {{ x }}` is a mapping that is the key of another. */
export function faultOf(
  { reason, mark }: YAMLException,
  text: string,
  events: readonly Event[],
): YamlFault | undefined {
  if (!mark) return undefined;
  if (reason.endsWith("does not support complex keys")) {
    const offset = complexKeyOf(events) ?? mark.position;
    const isTemplate = text.startsWith("{{", offset - 1);
    return isTemplate
      ? { reason: `a mapping cannot be a key: ${needsQuotes}`, offset: offset - 1 }
      : { reason: "a list or mapping cannot be a key", offset };
  }
  const line = lineAt(text, mark.position);
  const hint = /(?:^|[-:,[])[ \t]*\{\{/.test(line) ? `; ${needsQuotes}` : "";
  return { reason: reason + hint, offset: mark.position };
}

const longestLine = 1_000;

function lineAt(text: string, offset: number): string {
  const begin = text.slice(Math.max(offset - longestLine, 0), offset);
  const end = text.slice(offset, offset + longestLine);
  return (begin.split(/[\r\n]/).at(-1) ?? "") + (end.split(/[\r\n]/, 1)[0] ?? "");
}

/** Where the first list or mapping stands that is a key. */
function complexKeyOf(events: readonly Event[]): number | undefined {
  const open: { readonly isMapping: boolean; nodes: number }[] = [];
  for (const event of events) {
    if (event.type === EVENT_ID.POP) {
      open.pop();
      continue;
    }
    const isMapping = event.type === EVENT_ID.MAPPING;
    const isCollection = isMapping || event.type === EVENT_ID.SEQUENCE;
    const around = open.at(-1);
    if (around?.isMapping && around.nodes++ % 2 === 0 && isCollection) return event.start;
    if (isCollection || event.type === EVENT_ID.DOCUMENT) open.push({ isMapping, nodes: 0 });
  }
  return undefined;
}
