import type { Definition } from "../syntax/nodes.ts";
import { parseJq } from "../syntax/parser.ts";

/** Functions that are said best in jq itself. */
const text = `
def first: .[0];
def last: .[-1];
def nth($at): .[$at];
def nth($at; source):
  if $at < 0 then error("nth doesn't support negative index") else first(skip($at; source)) end;
def arrays: select(type == "array");
def objects: select(type == "object");
def iterables: select(type == ("array", "object"));
def booleans: select(type == "boolean");
def numbers: select(type == "number");
def finites: select(isfinite);
def normals: select(isnormal);
def strings: select(type == "string");
def nulls: select(. == null);
def values: select(. != null);
def scalars: select(type as $type | $type != "array" and $type != "object");
def combinations:
  if length == 0 then [] else .[0][] as $head | .[1:] | [$head] + combinations end;
def combinations(count): [limit(count; repeat(.))] | combinations;
def truncate_stream(events):
  . as $depth | null | events | select(.[0] | length > $depth) | .[0] |= .[$depth:];
def fromdateiso8601: strptime("%Y-%m-%dT%H:%M:%S%z") | mktime;
def todateiso8601: strftime("%Y-%m-%dT%H:%M:%SZ");
def fromdate: fromdateiso8601;
def todate: todateiso8601;
def INDEX(rows; key): reduce rows as $row ({}; .[$row | key | tostring] = $row);
def INDEX(key): INDEX(.[]; key);
def JOIN($index; key): [JOIN($index; .[]; key)];
def JOIN($index; rows; key): rows | [., $index[key]];
def JOIN($index; rows; key; change): JOIN($index; rows; key) | change;
def IN(values): any(values == .; .);
def IN(source; values): any(source == values; .);
.`;

function definitions(): ReadonlyMap<string, Definition> {
  const found = new Map<string, Definition>();
  for (let node = parseJq(text); node.kind === "def"; node = node.rest) {
    const { name, params } = node.definition;
    found.set(`${name}/${params.length}`, node.definition);
  }
  return found;
}

let parsed: ReadonlyMap<string, Definition> | undefined;

/** By name and number of parameters, such as `nth/2`. Parsed when one is first asked for. */
export function preludeOf(key: string): Definition | undefined {
  parsed ??= definitions();
  return parsed.get(key);
}

export function preludeNames(): readonly string[] {
  parsed ??= definitions();
  return [...parsed.keys()];
}
