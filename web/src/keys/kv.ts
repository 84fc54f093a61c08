/** Keys and values over the same HTTP as any client's; names and values are whatever somebody stored, and only ever shown as text. */
import type { LiveCopies } from "../../../src/protocol/http/live.ts";
import { detailOf } from "../parts/problem.ts";
import type { KeyName } from "./key-name.ts";

/** A page of the list. */
export const PAGE = 50;
/** Longer values are shown by their beginning, and not edited here. */
export const SHOWN_BYTES_MAX: number = 256 * 1024;

export interface ListedKey {
  readonly key?: string;
  readonly key64?: string;
  readonly stamp: string;
  readonly type: "string" | "hash" | "set";
  readonly expires?: string;
}

export interface KeyPage {
  readonly entries: readonly ListedKey[];
  readonly cursor?: string;
}

export type Value =
  | {
      readonly kind: "found";
      /** `undefined`: not text, or longer than is shown. */
      readonly text: string | undefined;
      readonly bytes: number;
      readonly contentType: string;
      /** As in `ETag`, quotes and all. */
      readonly etag: string;
      readonly acks: string;
      /** Hashes and sets are read here as JSON, and edited elsewhere. */
      readonly isContainer: boolean;
      readonly expires: string | undefined;
    }
  /** `wasThere`: a tombstone of it, or what has expired, still is. */
  | { readonly kind: "absent"; readonly wasThere: boolean }
  | { readonly kind: "failed"; readonly detail: string };

export type Written =
  | {
      readonly kind: "written";
      readonly stamp: string;
      readonly acks: number;
      readonly of: number;
      readonly hinted: number;
    }
  | { readonly kind: "changed" }
  | { readonly kind: "failed"; readonly detail: string };

const SILENT = "The node does not answer.";

export async function listKeys(
  prefix: string,
  cursor: string | undefined,
): Promise<KeyPage | string> {
  const query = new URLSearchParams({ prefix, limit: String(PAGE) });
  if (cursor !== undefined) query.set("cursor", cursor);
  try {
    const response = await fetch(`/kv?${query}`);
    return response.ok ? ((await response.json()) as KeyPage) : await detailOf(response);
  } catch {
    return SILENT;
  }
}

export async function readValue(key: KeyName): Promise<Value> {
  try {
    const response = await fetch(addressOf(key), { cache: "no-store" });
    const etag = response.headers.get("etag") ?? undefined;
    if (response.status === 404) return { kind: "absent", wasThere: etag !== undefined };
    if (!response.ok || etag === undefined)
      return { kind: "failed", detail: await detailOf(response) };
    const length = Number(response.headers.get("content-length") ?? 0);
    const bytes =
      length > SHOWN_BYTES_MAX ? undefined : new Uint8Array(await response.arrayBuffer());
    if (bytes === undefined) await response.body?.cancel();
    const type = response.headers.get("dnd-type") ?? "string";
    return {
      kind: "found",
      text: bytes === undefined ? undefined : textOf(bytes),
      bytes: bytes?.length ?? length,
      contentType: response.headers.get("content-type") ?? "",
      etag,
      acks: response.headers.get("dnd-acks") ?? "",
      isContainer: type !== "string",
      expires: response.headers.get("dnd-expires") ?? undefined,
    };
  } catch {
    return { kind: "failed", detail: SILENT };
  }
}

/** `undefined` where the bytes are no text. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** `etag`: only if the key still holds that; `undefined`: only if it holds nothing. */
export async function writeValue(
  key: KeyName,
  text: string,
  options: { readonly contentType: string; readonly etag: string | undefined },
): Promise<Written> {
  const { contentType, etag } = options;
  return await change(key, {
    method: "PUT",
    body: new TextEncoder().encode(text),
    headers: {
      ...(contentType === "" ? {} : { "Content-Type": contentType }),
      ...(etag === undefined ? { "If-None-Match": "*" } : { "If-Match": etag }),
    },
  });
}

export async function deleteKey(key: KeyName, etag: string): Promise<Written> {
  return await change(key, { method: "DELETE", headers: { "If-Match": etag } });
}

async function change(key: KeyName, init: RequestInit): Promise<Written> {
  try {
    const response = await fetch(addressOf(key), init);
    if (response.status === 412) return { kind: "changed" };
    if (!response.ok) return { kind: "failed", detail: await detailOf(response) };
    const report = (await response.json()) as Omit<Extract<Written, { kind: "written" }>, "kind">;
    return { kind: "written", ...report };
  } catch {
    return { kind: "failed", detail: `${SILENT} The change may have been stored.` };
  }
}

export async function readCopies(key: KeyName): Promise<LiveCopies | string> {
  try {
    const response = await fetch(`/cluster/copies?key64=${key.key64}`, { cache: "no-store" });
    return response.ok ? ((await response.json()) as LiveCopies) : await detailOf(response);
  } catch {
    return SILENT;
  }
}

export interface Place {
  readonly slot: number;
  readonly primaries: readonly string[];
}

export async function locate(key: KeyName): Promise<Place | string> {
  try {
    const response = await fetch(`/cluster/locate?key64=${key.key64}`);
    return response.ok ? ((await response.json()) as Place) : await detailOf(response);
  } catch {
    return SILENT;
  }
}

/** By base64: a browser would take `..` and `//` in a path for its own. */
function addressOf({ key64 }: KeyName): string {
  return `/kv?key64=${key64}`;
}
