import { listOf, objectOf, textOf } from "../../api/fields.ts";
import type { JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";

/** What a look at an Application may have to wait for, as a name: its cluster, and the server of its first source. */
export function applicationLane(object: KubeObject | undefined): string {
  const { destination, source, sources } = objectOf(object?.spec as JsonValue | undefined);
  const { server, name } = objectOf(destination);
  const [first = source] = listOf(sources);
  return `${textOf(server) || textOf(name)} ${hostOf(textOf(objectOf(first).repoURL))}`;
}

function hostOf(url: string): string {
  return /^(?:[\w+.-]+:\/\/)?(?:[^/@]*@)?([^/:]+)/.exec(url)?.[1]?.toLowerCase() ?? "";
}
