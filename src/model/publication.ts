/**
 * What is published, and who listens. Names of channels, and patterns, are binary strings of
 * 0..CHANNEL_BYTES_MAX bytes.
 */

/** Something said on a channel, to all who listen at that moment, wherever they are. */
export interface Publication {
  readonly channel: string;
  /** 0..MESSAGE_BYTES_MAX bytes. */
  readonly message: Uint8Array;
  /** Sharded channels are a world of their own. */
  readonly isSharded: boolean;
}

/**
 * What one can listen to: a channel, all channels whose names match a pattern, a sharded channel.
 */
export type SubscriptionKind = "channel" | "pattern" | "shard";

/** A question about who listens to what. */
export type SubscriptionQuery =
  | {
      readonly kind: "named";
      readonly of: SubscriptionKind;
      readonly names: readonly string[];
    }
  | {
      /** All that is listened to by a name that matches `glob`. */
      readonly kind: "matching";
      readonly of: SubscriptionKind;
      readonly glob: string;
    };

/**
 * How many listen to each of the names that a query asks for; those nobody listens to may be left
 * out.
 */
export interface SubscriptionCounts {
  readonly counts: ReadonlyMap<string, number>;
  /** Whether these are all: no more than SUBSCRIPTION_NAMES_BYTES_MAX are told. */
  readonly isWhole: boolean;
}

/** What a name counts for in SUBSCRIPTION_NAMES_BYTES_MAX. */
export function bytesOfName(name: string): number {
  return name.length + NAME_BYTES_MORE;
}

const NAME_BYTES_MORE = 8;
