import type { WriteDeps } from "./stored-object.ts";
import type { WatchWindow } from "./watch-window.ts";
import type { OpenWatches } from "./watches.ts";

/** What the verbs of an open control plane work with. */
export interface Plane extends WriteDeps {
  readonly window: WatchWindow;
  readonly watches: OpenWatches;
}
