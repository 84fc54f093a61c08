/**
 * `/kv` in the API description. The routes themselves are served ahead of the router (`kv-routes.ts`), which reads keys from the
 * raw request target; an integration test holds the two together.
 */
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import { DEADLINE_MS_MAX, LIST_ENTRIES_MAX, REPLICAS_MAX } from "../../model/limits.ts";
import { PROBLEM_CATALOGUE } from "../../protocol/http/problem.ts";
import {
  bulkLineSchema,
  bulkSummarySchema,
  containerSchema,
  listPageSchema,
  problemSchema,
  STAMP_EXAMPLE,
  writtenSchema,
} from "./schemas.ts";

/** The part of the application that takes descriptions of routes served elsewhere. */
type Registry = OpenAPIHono["openAPIRegistry"];

const key = z.string().openapi({
  param: { name: "key", in: "path" },
  description:
    "1 byte to 32 KiB, percent-encoded; every byte sequence is a key of its own, `/` included.",
});
const key64 = z.string().optional().openapi({
  description:
    "The key in base64 or base64url, with an empty `{key}`: for keys that clients rewrite, such as `..`.",
});
const quorum = (description: string) =>
  z.int().min(1).max(REPLICAS_MAX).optional().openapi({ description });
const r = quorum("Primaries that must answer; default the majority, or what can be reached.");
const w = quorum(
  "Primaries that must acknowledge; without it, fewer than the majority is reported, not refused.",
);
const existing = z.enum(["replace", "keep"]).optional().openapi({
  description:
    "What becomes of what a key holds. `keep`: it stays, and a hash or set gets what it lacks.",
});
const deadline = z
  .number()
  .positive()
  .max(DEADLINE_MS_MAX / 1_000)
  .optional()
  .openapi({ description: "Seconds the request may take; default 5." });
const ttl = z.number().positive().optional().openapi({
  description:
    "Seconds to live; without it the value never expires, and an earlier expiry is cleared.",
});
const ifMatch = z
  .string()
  .optional()
  .openapi({ example: `"${STAMP_EXAMPLE}"` });

const answerHeaders = z.object({
  ETag: z.string().openapi({ description: "The stamp, in quotes." }),
  "Dnd-Acks": z.string().openapi({
    description: "Primaries that acknowledged or answered, of how many, and copies held by others.",
    example: "2/3; hinted=1",
  }),
});

/** Problems of these statuses, described by their codes. */
function problems(...statuses: number[]) {
  return Object.fromEntries(
    statuses.map((status) => {
      const codes = Object.entries(PROBLEM_CATALOGUE).filter(
        ([, entry]) => entry.status === status,
      );
      const description = `Problem: ${codes.map(([code]) => code).join(", ")}.`;
      return [
        status,
        { description, content: { "application/problem+json": { schema: problemSchema } } },
      ];
    }),
  );
}

const anyBytes = { "*/*": { schema: z.string().openapi({ format: "binary" }) } };
const OF_ALL = [400, 414, 421, 431, 503, 504];

export function describeKv(registry: Registry): void {
  describeReads(registry);
  describeWrites(registry);
  describeCollection(registry);
}

function describeReads(registry: Registry): void {
  const request = {
    params: z.object({ key }),
    query: z.object({ key64, r, deadline }),
    headers: z.object({
      Accept: z.string().optional().openapi({
        description:
          "With `application/x-ndjson` a hash or set comes a field or member a line; no matter for values.",
      }),
      "If-None-Match": z.string().optional(),
      "If-Match": ifMatch,
      "Dnd-After": z.string().optional().openapi({
        description:
          "A stamp that the answer must not be older than: read your own writes at any node.",
      }),
    }),
  };
  const headers = answerHeaders.extend({
    "Dnd-Type": z
      .enum(["string", "hash", "set"])
      .openapi({ description: "What the key holds. A counter is a string." }),
    "Dnd-Expires": z.string().optional().openapi({ description: "RFC 3339, UTC, milliseconds." }),
  });
  const responses = {
    200: {
      description:
        "A value byte for byte, labelled as it was stored; a hash as an object, a set as an array.",
      headers,
      content: {
        ...anyBytes,
        "application/json": { schema: containerSchema },
        "application/x-ndjson": { schema: z.string() },
      },
    },
    304: { description: "The client's copy is current." },
    ...problems(...OF_ALL, 404, 406, 412, 422),
  };
  const tags = ["keys"];
  registry.registerPath({
    method: "get",
    path: "/kv/{key}",
    summary: "Read what a key holds",
    tags,
    request,
    responses,
  });
  registry.registerPath({
    method: "head",
    path: "/kv/{key}",
    summary: "Read all but what it holds",
    tags,
    request,
    responses,
  });
}

function describeWrites(registry: Registry): void {
  const headers = z.object({
    "If-Match": ifMatch,
    "If-None-Match": z.literal("*").optional(),
  });
  const body = { required: true, content: anyBytes };
  const put = {
    tags: ["keys"],
    path: "/kv/{key}",
    request: {
      params: z.object({ key }),
      query: z.object({ key64, w, ttl, deadline }),
      headers,
      body,
    },
    responses: {
      200: {
        description: "Stored, on as many nodes as it says.",
        headers: answerHeaders,
        content: { "application/json": { schema: writtenSchema } },
      },
      ...problems(...OF_ALL, 403, 408, 412, 413, 415),
    },
  };
  registry.registerPath({
    ...put,
    method: "put",
    summary: "Write a value, whatever the key holds",
  });
  registry.registerPath({ ...put, method: "post", summary: "Write a value (the same as PUT)" });
  registry.registerPath({
    method: "delete",
    path: "/kv/{key}",
    summary: "Delete a key",
    tags: ["keys"],
    request: { params: z.object({ key }), query: z.object({ key64, w, deadline }), headers },
    responses: {
      204: { description: "Deleted, or never there.", headers: answerHeaders },
      ...problems(...OF_ALL, 403, 412),
    },
  });
}

function describeCollection(registry: Registry): void {
  registry.registerPath({
    method: "get",
    path: "/kv",
    summary: "List keys",
    description:
      "In slot order over the whole cluster. A page may be empty and still carry a cursor. With values a large hash or set takes several entries, one after another.",
    tags: ["keys"],
    request: {
      query: z.object({
        prefix: z.string().optional(),
        prefix64: z.string().optional(),
        limit: z
          .int()
          .min(1)
          .max(LIST_ENTRIES_MAX)
          .optional()
          .openapi({ description: "Default 100." }),
        cursor: z.string().optional(),
        values: z.enum(["true", "false"]).optional(),
        deadline,
      }),
    },
    responses: {
      200: {
        description:
          "A page. With `Accept: application/x-ndjson` an entry a line; `Dnd-Cursor` has the cursor.",
        headers: z.object({ "Dnd-Cursor": z.string().optional() }),
        content: {
          "application/json": { schema: listPageSchema },
          "application/x-ndjson": { schema: z.string() },
        },
      },
      ...problems(...OF_ALL),
    },
  });
  registry.registerPath({
    method: "post",
    path: "/kv",
    summary: "Write many values, one JSON object a line",
    tags: ["keys"],
    request: {
      query: z.object({ w, deadline, existing }),
      body: { required: true, content: { "application/x-ndjson": { schema: bulkLineSchema } } },
    },
    responses: {
      200: {
        description:
          "What became of the lines. With `Accept: application/x-ndjson` a result a line.",
        content: {
          "application/json": { schema: bulkSummarySchema },
          "application/x-ndjson": { schema: z.string() },
        },
      },
      ...problems(400, 403, 408, 415, 421, 431, 503),
    },
  });
}
