/** What the dashboard asks for as schemas: they describe `protocol/http/live.ts` in the API description. */
import { z } from "@hono/zod-openapi";

const stamp = z.string().openapi({ description: "As in `ETag`." });
const copySchema = z.object({
  node: z.string(),
  role: z.enum(["primary", "pending", "fallback"]),
  kind: z.enum(["held", "absent", "damaged", "silent"]),
  hasVote: z.boolean().openapi({ description: "Whether its word counts in a read." }),
  cell: z
    .object({
      kind: z.enum(["value", "container", "tombstone"]),
      type: z.enum(["string", "hash", "set", "counter"]),
      stamp,
      checksum: z.string(),
      bytes: z.int(),
      expires: z.string().optional(),
    })
    .optional(),
  fields: z
    .object({
      count: z.int().openapi({ description: "Fields looked at, those that are gone included." }),
      isWhole: z.boolean().openapi({ description: "Whether these are all." }),
      fingerprint: z.string().openapi({ description: "Equal where these fields are." }),
    })
    .optional(),
});

export const copiesSchema = z
  .object({
    key: z.string().optional(),
    key64: z.string().optional(),
    slot: z.int(),
    isEqual: z.boolean().openapi({ description: "All primaries answered, and have the same." }),
    copies: z.array(copySchema),
  })
  .openapi("Copies");

export const slotMapSchema = z
  .object({
    epoch: z.string(),
    replicas: z.int(),
    holders: z.array(z.object({ primaries: z.array(z.string()), pending: z.array(z.string()) })),
    slots: z.string().openapi({
      description:
        "Base64: for each of the 16 384 slots an index in `holders`, two bytes, the lower one first.",
    }),
    missing: z.record(z.string(), z.string()).openapi({
      description:
        "Base64 by member: a bit for each slot in which this node knows it may lack something, the lowest of a byte first.",
    }),
  })
  .openapi("SlotMap");

const percentilesSchema = z
  .object({ count: z.int(), p50: z.number(), p99: z.number(), p999: z.number() })
  .openapi({ description: "Milliseconds, of what was answered since the sample before." });

const numbersSchema = z.object({
  atMs: z.int(),
  counters: z.record(z.string(), z.number()),
  gauges: z.record(z.string(), z.number()),
  dirtySlots: z
    .int()
    .openapi({ description: "Slots in which a member may lack something, summed over members." }),
  traffic: z.object({
    framesSent: z.int(),
    bytesSent: z.int(),
    framesReceived: z.int(),
    bytesReceived: z.int(),
  }),
  latency: z.object({ read: percentilesSchema, write: percentilesSchema }),
  eventLoop: z.object({ p50: z.number(), p99: z.number(), max: z.number() }),
  process: z.object({ cpuMs: z.number(), rssBytes: z.int(), heapBytes: z.int() }),
  disk: z.object({ usedBytes: z.int(), freeBytes: z.int(), totalBytes: z.int() }).nullable(),
});

export const numbersPageSchema = z.object({ samples: z.array(numbersSchema) }).openapi("Samples");
