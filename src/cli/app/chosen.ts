import { EngineError } from "../../base/errors.ts";
import { type ApplicationsClient, type AppName, parseAppName } from "./applications-client.ts";

/** Applications by their names, or all that a selector has, perhaps none. @throws EngineError USAGE for both or neither */
export async function chosenApplications(
  client: ApplicationsClient,
  texts: readonly string[],
  { selector, appNamespace }: { readonly selector?: string; readonly appNamespace?: string },
): Promise<readonly AppName[]> {
  if (texts.length > 0 === (selector !== undefined))
    throw new EngineError("USAGE", "give either APPNAMEs or --selector");
  if (selector === undefined) return texts.map((text) => parseAppName(text, appNamespace));
  const found = await client.list({ selector, ...(appNamespace === undefined ? {} : { appNamespace }) });
  return found.map(({ metadata: { name = "", namespace = "" } }) => ({ name, namespace }));
}
