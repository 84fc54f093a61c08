/** Chance. Production draws from the system's generator, the simulator from its seed. */

export interface Random {
  /** An unsigned 32-bit integer. */
  next32(): number;
  /** A 53-bit integer. */
  next53(): number;
  /** An integer in 0..bound-1. */
  below(bound: number): number;
}
