/**
 * The name of a rate limit that has none of its own. `owner` is where it stands: `table/virtual host/route` with their
 * names, or indexes where they have none. The first limit of an owner keeps its name when a second one is added.
 */
export function defaultRateLimitName(owner: string, index: number): string {
  return index === 0 ? owner : `${owner}#${index + 1}`;
}

export const rateOwnerOfListener = (listener: string): string => `listener/${listener}`;
export const rateOwnerOfVirtualHost = (table: string, host: string | undefined, index: number): string =>
  `${table}/${host ?? index}`;
export const rateOwnerOfRoute = (hostOwner: string, route: string | undefined, index: number): string =>
  `${hostOwner}/${route ?? index}`;
