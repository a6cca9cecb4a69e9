import { objectOf, objectsOf, textOf } from "../../api/fields.ts";
import { isSameText } from "./signature.ts";
import type { HookProvider } from "./webhook.ts";

const key = "webhook.harbor.secret";

/** https://goharbor.io/docs/main/working-with-projects/project-configuration/configure-webhooks/ */
export const harbor: HookProvider = {
  name: "Harbor",
  // It says nowhere that it is Harbor: without a secret, anything with credentials could be.
  claims: (headers, secret) => "authorization" in headers && Boolean(secret(key)),
  refuses({ headers }, secret) {
    return isSameText(headers.authorization ?? "", secret(key) ?? "") ? undefined : "authorization header mismatch";
  },
  isPush: (_, { type }) => type === "PUSH_ARTIFACT",
  read(body) {
    const { resources, repository } = objectOf(body.event_data);
    const pushed = objectsOf(resources);
    const host = textOf(pushed[0]?.resource_url).split("/")[0] ?? "";
    const name = textOf(objectOf(repository).repo_full_name);
    return {
      provider: "Harbor",
      urls: [`oci://${host}/${name}`.toLowerCase()],
      refs: [],
      tags: pushed.map(({ tag }) => textOf(tag)).filter((tag) => tag !== ""),
    };
  },
};
