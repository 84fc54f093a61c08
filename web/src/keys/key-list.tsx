/** Keys by prefix, a page at a time, in the order of their slots. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { hashOf, openKey, route } from "../state/route.ts";
import { nameFromText, nameOfListed, shownName } from "./key-name.ts";
import { type ListedKey, listKeys } from "./kv.ts";

const TYPING_MS = 180;

const prefix = signal("");
const entries = signal<readonly ListedKey[]>([]);
const cursor = signal<string | undefined>(undefined);
const problem = signal<string | undefined>(undefined);
const isLoading = signal(false);

let timer: ReturnType<typeof setTimeout> | undefined;
/** Answers to what is no longer asked are dropped. */
let asked = 0;

async function list(from: string | undefined): Promise<void> {
  asked += 1;
  const number = asked;
  isLoading.value = true;
  const page = await listKeys(prefix.value, from);
  if (number !== asked) return;
  isLoading.value = false;
  if (typeof page === "string") {
    problem.value = page;
    return;
  }
  problem.value = undefined;
  entries.value = from === undefined ? page.entries : [...entries.value, ...page.entries];
  cursor.value = page.cursor;
}

export function KeyList(): JSX.Element {
  useEffect(() => void list(undefined), []);
  const type = (text: string): void => {
    prefix.value = text;
    clearTimeout(timer);
    timer = setTimeout(() => void list(undefined), TYPING_MS);
  };
  const open = route.value.key?.key64;
  return (
    <section class="panel key-list" aria-label="Keys">
      <form
        class="search"
        onSubmit={(event) => {
          event.preventDefault();
          if (prefix.value !== "") openKey(nameFromText(prefix.value));
        }}
      >
        <label for="prefix">Prefix, or a whole key</label>
        <div class="search-line">
          <input
            id="prefix"
            type="search"
            autocomplete="off"
            spellcheck={false}
            placeholder="cart/"
            value={prefix.value}
            onInput={(event) => type(event.currentTarget.value)}
          />
          <button type="submit" disabled={prefix.value === ""}>
            Open
          </button>
          <button
            type="button"
            class="quiet"
            aria-label="List again"
            title="List again"
            onClick={() => void list(undefined)}
          >
            ↻
          </button>
        </div>
      </form>
      {problem.value === undefined ? null : (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
      <ul class="key-rows">
        {entries.value.map((entry) => {
          const name = nameOfListed(entry);
          return (
            <li key={name.key64}>
              <a
                href={hashOf("keys", name)}
                aria-current={name.key64 === open ? "true" : undefined}
              >
                <span class="mono key-name">{shownName(name)}</span>
                {entry.type === "string" ? null : <span class="chip">{entry.type}</span>}
                {entry.expires === undefined ? null : (
                  <span class="chip" title={entry.expires}>
                    expires
                  </span>
                )}
              </a>
            </li>
          );
        })}
      </ul>
      <Below />
    </section>
  );
}

function Below(): JSX.Element | null {
  if (cursor.value !== undefined) {
    return (
      <button
        type="button"
        class="more"
        disabled={isLoading.value}
        onClick={() => void list(cursor.value)}
      >
        More
      </button>
    );
  }
  if (isLoading.value || entries.value.length > 0 || problem.value !== undefined) return null;
  return (
    <p class="empty">
      {prefix.value === ""
        ? "Nothing is stored yet. Type a name above and open it to write the first value."
        : "No key begins like this. Open it to write it."}
    </p>
  );
}
