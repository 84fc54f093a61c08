/** Where members may be found that nobody has written down: a name whose addresses change. */
import type { Address } from "../model/ids.ts";

export interface Discovery {
  /**
   * Tells the addresses there are now, perhaps none; `undefined` when that cannot be found out. `done` is told once, in a
   * later turn, within a few seconds.
   */
  find(done: (addresses: readonly Address[] | undefined) => void): void;
}
