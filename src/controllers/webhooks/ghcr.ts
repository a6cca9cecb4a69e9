import { objectOf, textOf } from "../../api/fields.ts";
import { isSigned } from "./signature.ts";
import type { HookProvider } from "./webhook.ts";

/** GitHub's registry: https://docs.github.com/en/webhooks/webhook-events-and-payloads#package */
export const ghcr: HookProvider = {
  name: "GHCR",
  claims: (headers) => headers["x-github-event"] === "package",
  refuses(request, secret) {
    const wanted = secret("webhook.github.secret");
    if (!wanted || isSigned(request, request.headers["x-hub-signature-256"] ?? "", wanted, {})) return undefined;
    return "HMAC verification failed";
  },
  refusedWith: 401,
  isPush(_, body) {
    const about = objectOf(body.package);
    const isImage = /^container$/i.test(textOf(about.package_type) || textOf(about.ecosystem));
    return body.action === "published" && isImage && tagOf(about.package_version) !== "";
  },
  read(body) {
    const { name, namespace, owner, package_version } = objectOf(body.package);
    const repository = `${textOf(objectOf(owner).login) || textOf(namespace)}/${textOf(name)}`;
    return {
      provider: "GHCR",
      urls: [`oci://ghcr.io/${repository.toLowerCase()}`],
      refs: [],
      tags: [tagOf(package_version)],
    };
  },
};

function tagOf(version: Parameters<typeof objectOf>[0]): string {
  const { tag } = objectOf(objectOf(version).container_metadata);
  return textOf(objectOf(tag).name);
}
