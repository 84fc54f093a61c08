/** JSON bodies of the HTTP interface as schemas, for its description at `/openapi.json`. */
import { z } from "@hono/zod-openapi";
import { LOG_LEVELS } from "../../ports/log.ts";

export const STAMP_EXAMPLE = "019aab3c4d5e-0000-0f3a92b1c4d5e6";

const stamp = z
  .string()
  .regex(/^[0-9a-f]{12}-[0-9a-f]{4}-[0-9a-f]{14}$/)
  .openapi({
    description: "When it was written: later stamps sort later.",
    example: STAMP_EXAMPLE,
  });

const bytesAs = {
  key: z.string().optional().openapi({ description: "The key, if it is UTF-8." }),
  key64: z
    .string()
    .optional()
    .openapi({ description: "The key in base64url, if it is not UTF-8." }),
};

export const writtenSchema = z
  .object({
    stamp,
    acks: z.int().openapi({ description: "Primaries that hold the value durably." }),
    of: z.int().openapi({ description: "Primaries there are." }),
    hinted: z.int().openapi({
      description: "Copies that other nodes hold for primaries that could not be reached.",
    }),
  })
  .openapi("Written");

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().openapi({ description: "Stable; docs/http.md lists them." }),
    detail: z.string(),
    stored: z
      .enum(["no", "maybe"])
      .openapi({ description: "Whether anything may have been stored." }),
    limit: z.union([z.number(), z.string()]).optional(),
    value: z.union([z.number(), z.string()]).optional(),
    name: z.string().optional(),
    current: stamp.optional(),
    newest: stamp.optional(),
    acks: z.int().optional(),
    of: z.int().optional(),
    hinted: z.int().optional(),
    line: z.int().optional(),
  })
  .openapi("Problem");

const shownBytes = z.union([
  z.string().openapi({ description: "If it is UTF-8." }),
  z.object({ value64: z.string().openapi({ description: "Else, in base64url." }) }),
]);

export const containerSchema = z
  .union([
    z.record(z.string(), shownBytes).openapi({ description: "A hash: values by field." }),
    z.array(shownBytes).openapi({ description: "A set: members in byte order." }),
  ])
  .openapi("HashOrSet");

export const bulkLineSchema = z
  .object({
    ...bytesAs,
    value: z.unknown().optional().openapi({
      description:
        "A string is its UTF-8 text, other JSON its own text; of a hash the object of its fields, of a set the array of its members.",
    }),
    value64: z.unknown().optional().openapi({
      description:
        "The value in base64 or base64url; of a hash, fields whose names are not UTF-8, with names and values in it.",
    }),
    type: z
      .enum(["string", "hash", "set"])
      .optional()
      .openapi({ description: "Default `string`. A counter is a string." }),
    continues: z.boolean().optional().openapi({
      description: "Of a hash or set: it adds to the key, instead of taking its place.",
    }),
    contentType: z.string().max(255).optional(),
    expires: z.union([z.string(), z.int()]).optional().openapi({
      description: "RFC 3339 in UTC, or milliseconds since 1970.",
    }),
  })
  .openapi("BulkLine");

export const bulkSummarySchema = z
  .object({
    stored: z.int(),
    kept: z.int().optional().openapi({
      description: "With `existing=keep`: lines that added nothing to what their key holds.",
    }),
    failed: z.int(),
    errors: z.array(
      z.object({
        line: z.int().openapi({ description: "From 1." }),
        code: z.string(),
        detail: z.string(),
        stored: z.enum(["no", "maybe"]),
      }),
    ),
  })
  .openapi("BulkSummary");

export const listPageSchema = z
  .object({
    entries: z.array(
      z.object({
        ...bytesAs,
        stamp,
        type: z.enum(["string", "hash", "set"]),
        expires: z.string().optional(),
        value: z.union([z.string(), containerSchema]).optional(),
        value64: z
          .union([z.string(), z.record(z.string(), z.string())])
          .optional()
          .openapi({ description: "Of a hash: fields whose names are not UTF-8." }),
        continues: z
          .literal(true)
          .optional()
          .openapi({ description: "The entry before holds an earlier part of this key." }),
        bytes: z.int().optional(),
        contentType: z.string().optional(),
      }),
    ),
    cursor: z
      .string()
      .optional()
      .openapi({ description: "Continues the listing; absent at its end." }),
  })
  .openapi("ListPage");

export const differingSlotsSchema = z
  .object({ differing: z.array(z.int()).openapi({ description: "In ascending order." }) })
  .openapi("DifferingSlots");

export const dumpPageSchema = z
  .object({
    entries: z.array(
      z.object({
        slot: z.int(),
        ...bytesAs,
        field: z.string().optional(),
        field64: z.string().optional(),
        kind: z.string(),
        stamp,
        checksum: z.string(),
        expires: z.string().optional(),
      }),
    ),
    cursor: z.string().optional(),
  })
  .openapi("DumpPage");

export const locationSchema = z
  .object({
    ...bytesAs,
    slot: z.int(),
    primaries: z.array(z.string()),
    pending: z.array(z.string()),
    fallbacks: z.array(z.string()),
  })
  .openapi("Location");

export const logLevelSchema = z
  .object({
    level: z.enum(LOG_LEVELS).openapi({ description: "The least that is logged." }),
  })
  .openapi("LogLevel");

export const healthSchema = z.object({ status: z.literal("alive") }).openapi("Health");

export const readySchema = z
  .object({
    ready: z.boolean(),
    phase: z.enum(["starting", "joining", "ready", "leaving", "draining", "stopping", "stopped"]),
    waitsFor: z
      .enum(["start", "share", "hashes", "votes", "comparison", "leave", "stop"])
      .optional()
      .openapi({ description: "What keeps it from being ready, if anything." }),
  })
  .openapi("Ready");

export const clusterSchema = z
  .object({
    node: z.string(),
    cluster: z.string().nullable(),
    phase: z.string(),
    epoch: z.string().openapi({ description: "Version of the placement, 14 hexadecimal digits." }),
    address: z.string(),
    httpAddress: z.string(),
    redisAddress: z.string(),
    zone: z.string(),
    weight: z.int(),
    shared: z.object({
      replicas: z.int(),
      writeQuorum: z.enum(["sloppy", "strict"]),
      keyBytesMax: z.int(),
      valueBytesMax: z.int(),
      graceMs: z.int(),
    }),
    members: z.array(
      z.object({
        id: z.string(),
        address: z.string(),
        httpAddress: z.string(),
        redisAddress: z.string(),
        intent: z.enum(["joining", "active", "leaving", "left", "removing", "removed"]),
        liveness: z.enum(["alive", "suspect", "dead"]),
        zone: z.string(),
        weight: z.int(),
        boots: z.int(),
        wireVersion: z
          .int()
          .optional()
          .openapi({ description: "Agreed with it, where a connection to it stands." }),
        incarnation: z.int(),
        firstSlots: z.int().openapi({ description: "Slots in which it is the first primary." }),
        primarySlots: z.int().openapi({ description: "Slots of which it holds a copy." }),
        dirtySlots: z
          .int()
          .openapi({ description: "Slots in which this node knows it may lack something." }),
        foreignSlots: z.int().openapi({
          description: "Slots whose cells this node keeps, for it among others to take.",
        }),
      }),
    ),
    collection: z.object({
      slotsDue: z.int().openapi({
        description:
          "Slots this node drives in which something deleted or expired is older than the grace.",
      }),
      reason: z.string().nullable().openapi({ description: "What keeps it from being collected." }),
      heldBy: z.string().nullable().openapi({ description: "The member that does." }),
    }),
    counters: z.record(z.string(), z.number()),
    gauges: z.record(z.string(), z.number()),
  })
  .openapi("Cluster");
