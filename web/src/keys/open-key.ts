/** The key that is looked at: what the cluster says it holds, what each holder has, and what is being made of it here. */
import { batch, effect, signal } from "@preact/signals";
import type { LiveCopies } from "../../../src/protocol/http/live.ts";
import { route } from "../state/route.ts";
import type { KeyName } from "./key-name.ts";
import { deleteKey, readCopies, readValue, type Value, type Written, writeValue } from "./kv.ts";

/** While copies differ one wants to see them become equal; afterwards somebody else may change them. */
const DIFFERING_MS = 700;
const EQUAL_MS = 4_000;

export interface Remark {
  readonly tone: "good" | "bad" | "doubt";
  readonly text: string;
}

export const value = signal<Value | undefined>(undefined);
export const draft = signal<string | undefined>(undefined);
export const copies = signal<LiveCopies | string | undefined>(undefined);
export const remark = signal<Remark | undefined>(undefined);
export const isBusy = signal(false);

let opened: KeyName | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

effect(() => {
  const { key } = route.value;
  if (key?.key64 === opened?.key64) return;
  opened = key;
  batch(() => {
    value.value = undefined;
    copies.value = undefined;
    draft.value = undefined;
    remark.value = undefined;
  });
  clearTimeout(timer);
  if (key === undefined) return;
  void load(key);
  void watch(key);
});

async function load(key: KeyName): Promise<void> {
  const found = await readValue(key);
  if (key === opened) value.value = found;
}

/** Looks again and again, until another key is looked at. */
async function watch(key: KeyName): Promise<void> {
  if (!document.hidden) {
    const found = await readCopies(key);
    if (key !== opened) return;
    copies.value = found;
    refreshIfOthersWrote(key, found);
  }
  const now = copies.value;
  const isEqual = typeof now === "object" && now.isEqual;
  clearTimeout(timer);
  timer = setTimeout(() => void watch(key), isEqual ? EQUAL_MS : DIFFERING_MS);
}

/** Unless it is being edited, what is shown follows what is held. */
function refreshIfOthersWrote(key: KeyName, found: LiveCopies | string): void {
  if (typeof found === "string" || !found.isEqual || draft.value !== undefined) return;
  const stamp = found.copies[0]?.cell?.stamp;
  const shown = value.value;
  const etag = shown === undefined || shown.kind === "failed" ? undefined : shown.etag;
  if (shown !== undefined && stamp !== undefined && etag !== `"${stamp}"`) void load(key);
}

export function discardDraft(): void {
  draft.value = undefined;
  remark.value = undefined;
  if (opened !== undefined) void load(opened);
}

export async function save(): Promise<void> {
  const [key, now, text] = [opened, value.value, draft.value];
  if (key === undefined || now === undefined || text === undefined || now.kind === "failed") return;
  const options =
    now.kind === "found"
      ? { contentType: now.contentType, etag: now.etag }
      : { contentType: "", etag: undefined };
  await change(key, "Stored", () => writeValue(key, text, options));
}

export async function remove(): Promise<void> {
  const [key, now] = [opened, value.value];
  if (key === undefined || now?.kind !== "found") return;
  await change(key, "Deleted", () => deleteKey(key, now.etag));
}

async function change(key: KeyName, done: string, run: () => Promise<Written>): Promise<void> {
  isBusy.value = true;
  const written = await run();
  isBusy.value = false;
  if (key !== opened) return;
  remark.value = remarkOn(written, done);
  if (written.kind !== "written") return;
  draft.value = undefined;
  await load(key);
  void watch(key);
}

function remarkOn(written: Written, done: string): Remark {
  switch (written.kind) {
    case "written": {
      const { acks, of, hinted } = written;
      const kept = hinted === 0 ? "" : `, and ${hinted} kept for others`;
      const tone = 2 * acks > of ? "good" : "doubt";
      return {
        tone,
        text: `${done}: ${acks} of ${of} copies had it on disk when this was answered${kept}.`,
      };
    }
    case "changed":
      return {
        tone: "doubt",
        text: "Somebody else changed it meanwhile, so nothing was stored. Discard to see what is there now.",
      };
    default:
      return { tone: "bad", text: written.detail };
  }
}
