/** The key that is looked at: what the cluster says it holds, what each holder has, and what is being made of it here. */
import { batch, effect, signal } from "@preact/signals";
import type { LiveCopies, LiveCopy } from "../../../src/protocol/http/live.ts";
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
  void watch(key);
});

/** Looks again and again, until another key is looked at. */
async function watch(key: KeyName): Promise<void> {
  if (!document.hidden) await look(key);
  if (key !== opened) return;
  const now = copies.value;
  const isEqual = typeof now === "object" && now.isEqual;
  clearTimeout(timer);
  timer = setTimeout(() => void watch(key), isEqual ? EQUAL_MS : DIFFERING_MS);
}

/** First the copies: they tell whether there is a value to be had, and whether it is another one than is shown. */
async function look(key: KeyName): Promise<void> {
  const found = await readCopies(key);
  if (key !== opened) return;
  copies.value = found;
  // What is being edited stays: storing it is conditional on what it was made from.
  if (draft.value !== undefined && value.value !== undefined) return;
  const newest = typeof found === "string" ? undefined : newestOf(found);
  if (typeof found === "object" && (newest === undefined || isGone(newest))) {
    value.value = { kind: "absent", wasThere: newest !== undefined };
    return;
  }
  const shown = value.value;
  if (shown?.kind === "found" && newest !== undefined && shown.etag === `"${newest.stamp}"`) return;
  const read = await readValue(key);
  if (key === opened) value.value = read;
}

type CellFacts = NonNullable<LiveCopy["cell"]>;

function newestOf({ copies: all }: LiveCopies): CellFacts | undefined {
  let newest: CellFacts | undefined;
  for (const { cell } of all) {
    if (cell !== undefined && (newest === undefined || cell.stamp > newest.stamp)) newest = cell;
  }
  return newest;
}

function isGone({ kind, expires }: CellFacts): boolean {
  return kind === "tombstone" || (expires !== undefined && Date.parse(expires) <= Date.now());
}

export function discardDraft(): void {
  draft.value = undefined;
  remark.value = undefined;
  if (opened !== undefined) void watch(opened);
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
  await watch(key);
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
