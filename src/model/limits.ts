/** Every bound of the store that is not a setting, in one place. Settings have theirs in `config.ts`. */

/** Units of placement; the same number and function as Redis Cluster, so its clients can route. */
export const SLOT_COUNT = 16_384;
/** Longest key: 32 KiB. A cluster may be set lower. */
export const KEY_BYTES_MAX = 32 * 1024;
/** Longest value: 16 MiB. A cluster may be set lower. */
export const VALUE_BYTES_MAX = 16 * 1024 * 1024;
/** Longest address of a cell within its key. */
export const FIELD_BYTES_MAX = 32 * 1024;
/** Longest name of a hash field or set member: what is left of an address for it. */
export const NAME_BYTES_MAX: number = FIELD_BYTES_MAX - 32;
/** Longest content type kept with a value. */
export const CONTENT_TYPE_BYTES_MAX = 255;
/** Largest message between nodes: a value, its key and the parts around them. */
export const FRAME_BYTES_MAX = VALUE_BYTES_MAX + 256 * 1024;
/** Longest name of a channel, or pattern to listen by. */
export const CHANNEL_BYTES_MAX: number = 32 * 1024;
/** Longest message that is published. */
export const MESSAGE_BYTES_MAX: number = 16 * 1024 * 1024;
/** Names in a question about who listens, and in each node's answer. */
export const SUBSCRIPTION_NAMES_BYTES_MAX: number = 4 * 1024 * 1024;
/** A frame leaves in pieces of this size, so that a large value does not hold up small ones. */
export const CHUNK_BYTES_MAX = 256 * 1024;
/** Bytes waiting for one peer; beyond it requests to that peer are shed. */
export const PEER_QUEUE_BYTES_MAX = 64 * 1024 * 1024;
/** Largest gossip datagram: fits every path of 1 280 bytes (IPv6 minimum) with headers. */
export const DATAGRAM_BYTES_MAX = 1_200;
/** Members of a cluster, of any intent. */
export const MEMBERS_MAX = 1_024;
/** Requests one node coordinates at once; beyond it new ones are shed with 503. */
export const REQUESTS_IN_FLIGHT_MAX = 16_384;
/** Bytes of values in the writes one node coordinates at once; a write beyond it is shed, unless it is the only one. */
export const VALUE_BYTES_IN_FLIGHT_MAX = 256 * 1024 * 1024;
/** Longest time a request may take. */
export const DEADLINE_MS_MAX = 60_000;
/** Time a request has when it does not say. */
export const DEADLINE_MS_DEFAULT = 5_000;
/** Expiry furthest in the future: 48 bits of milliseconds. */
export const EXPIRES_AT_MS_MAX = 2 ** 48 - 1;
/** Entries in one page of a listing. */
export const LIST_ENTRIES_MAX = 1_000;
/** Highest replication factor. */
export const REPLICAS_MAX = 16;
