/**
 * How often a node's background work looks for something to do, as factors of its usual pauses. Simulations let repairs
 * be slow and collection quick, so that what hardly ever meets in a healthy cluster meets in every run: a round of
 * collection, and a replica that is behind.
 */
export interface Pace {
  /** Of the pauses between looks at what differs, is dirty, or is foreign. */
  repairs: number;
  /** Of the pauses between rounds of collection. */
  collection: number;
}

export const PACE_USUAL: Readonly<Pace> = { repairs: 1, collection: 1 };
