import { objectOf, objectsOf, textOf } from "../../api/fields.ts";
import { isSameText } from "./signature.ts";
import { type HookProvider, noCommit } from "./webhook.ts";

/** https://learn.microsoft.com/en-us/azure/devops/service-hooks/events#git.push */
export const azureDevOps: HookProvider = {
  name: "Azure DevOps",
  claims: (headers) => "x-vss-activityid" in headers,
  refuses({ headers }, secret) {
    const [name = "", password = ""] = ["username", "password"].map((key) => secret(`webhook.azuredevops.${key}`));
    if (name === "" && password === "") return undefined;
    const wanted = `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
    return isSameText(headers.authorization ?? "", wanted) ? undefined : "basic auth verification failed";
  },
  isPush: (_, { eventType }) => eventType === "git.push",
  read(body) {
    const { repository, refUpdates } = objectOf(body.resource);
    const { remoteUrl, defaultBranch } = objectOf(repository);
    return {
      provider: "Azure DevOps",
      urls: [textOf(remoteUrl)],
      refs: objectsOf(refUpdates).map(({ name, oldObjectId, newObjectId }) => ({
        name: textOf(name),
        old: textOf(oldObjectId) || noCommit,
        new: textOf(newObjectId) || noCommit,
      })),
      ...(textOf(defaultBranch) === "" ? {} : { headRef: textOf(defaultBranch) }),
    };
  },
};
