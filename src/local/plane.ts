import type { FindUser } from "./access/authentication.ts";
import type { Authorizer } from "./access/authorizer.ts";
import type { WriteDeps } from "./stored-object.ts";
import type { WatchWindow } from "./watch-window.ts";
import type { OpenWatches } from "./watches.ts";

/** What the verbs of an open control plane work with. */
export interface Plane extends WriteDeps {
  readonly window: WatchWindow;
  readonly watches: OpenWatches;
  readonly authorizer: Authorizer;
  readonly findUser: FindUser;
  /** Signs the tokens of service accounts. */
  readonly secret: string;
  /** Whether Pods are run as if there were nodes; `kubectl logs` says so. */
  readonly isSimulated: boolean;
}
