import { Router } from "express";
import type { BusUsage } from "../events/bus/bus.ts";

export interface BusRouteDeps {
  /** Every bus that the engine has a connection to; absent: the path answers 404. */
  readonly buses?: () => Promise<readonly BusUsage[]>;
}

/** `/api/v1/tiphys/bus`: asks the buses themselves, so it waits for no history. */
export function busRoutes(buses: NonNullable<BusRouteDeps["buses"]>): Router {
  const router = Router();
  router.get("/", async (_request, response) => void response.json({ buses: await buses() }));
  return router;
}
