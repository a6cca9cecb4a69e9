/** What state an object or an Application is in, best first: Healthy … Unknown. */
export type HealthStatus = (typeof healthScale)[number];

/** From best to worst. */
export const healthScale = ["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"] as const;

export interface Health {
  readonly status: HealthStatus;
  readonly message?: string;
}

export function isWorse(status: HealthStatus, than: HealthStatus): boolean {
  return healthScale.indexOf(status) > healthScale.indexOf(than);
}

export function health(status: HealthStatus, message?: string): Health {
  return message === undefined || message === "" ? { status } : { status, message };
}
