/**
 * Suites that are run with many clients: of each library, of both protocols, with one node and with
 * all.
 */

/** RESP2 or RESP3. */
export type Protocol = 2 | 3;

/**
 * Claims, and how each is tried with a client; keys begin with `prefix`, since many clients share
 * one cluster.
 */
export type Suite<Client> = readonly (readonly [
  claim: string,
  attempt: (client: Client, prefix: string) => Promise<void>,
])[];
