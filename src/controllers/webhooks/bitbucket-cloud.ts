import { objectOf, objectsOf, textOf } from "../../api/fields.ts";
import type { JsonValue } from "../../base/json.ts";
import { isSameText } from "./signature.ts";
import { type HookProvider, noCommit } from "./webhook.ts";

/** https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/#Push */
export const bitbucketCloud: HookProvider = {
  name: "Bitbucket",
  claims: (headers) => "x-hook-uuid" in headers,
  refuses({ headers }, secret) {
    const wanted = secret("webhook.bitbucket.uuid");
    if (!wanted || isSameText(headers["x-hook-uuid"] ?? "", wanted)) return undefined;
    return "UUID verification failed";
  },
  isPush: (headers) => headers["x-event-key"] === "repo:push",
  read(body) {
    const { links, mainbranch } = objectOf(body.repository);
    const branch = textOf(objectOf(mainbranch).name);
    return {
      provider: "Bitbucket",
      urls: [textOf(objectOf(objectOf(links).html).href)],
      refs: objectsOf(objectOf(body.push).changes).map(({ new: now, old }) => ({
        name: refOf(now) || refOf(old),
        old: commitOf(old),
        new: commitOf(now),
      })),
      ...(branch === "" ? {} : { headRef: `refs/heads/${branch}` }),
    };
  },
};

/** "" for a side that is null: the ref is new, or gone. */
function refOf(side: JsonValue | undefined): string {
  const { type, name } = objectOf(side);
  if (textOf(name) === "") return "";
  return `refs/${type === "tag" || type === "annotated_tag" ? "tags" : "heads"}/${textOf(name)}`;
}

function commitOf(side: JsonValue | undefined): string {
  return textOf(objectOf(objectOf(side).target).hash) || noCommit;
}
