/** Where a key would go, whether it is stored or not: placement is a function of its name and the members, nothing else. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { Disc } from "../parts/disc.tsx";
import { countText } from "../parts/text.ts";
import { nameOf } from "../state/nodes.ts";
import { nameFromText } from "./key-name.ts";
import { locate, type Place } from "./kv.ts";

const TYPING_MS = 150;

const text = signal("");
const place = signal<Place | string | undefined>(undefined);
let timer: ReturnType<typeof setTimeout> | undefined;

function type(next: string): void {
  text.value = next;
  clearTimeout(timer);
  if (next === "") {
    place.value = undefined;
    return;
  }
  timer = setTimeout(() => {
    void locate(nameFromText(next)).then((found) => {
      if (text.value === next) place.value = found;
    });
  }, TYPING_MS);
}

export function WhereBox(): JSX.Element {
  const found = place.value;
  return (
    <section class="panel where" aria-labelledby="where-title">
      <h2 id="where-title">Where would this key go?</h2>
      <div class="where-line">
        <input
          type="text"
          aria-label="A key, stored or not"
          autocomplete="off"
          spellcheck={false}
          placeholder="any name"
          value={text.value}
          onInput={(event) => type(event.currentTarget.value)}
        />
        <p role="status" class="where-answer">
          {found === undefined ? (
            <span class="muted">Any node can tell, and asks nobody.</span>
          ) : typeof found === "string" ? (
            <span class="problem">{found}</span>
          ) : (
            <>
              slot <strong class="num">{countText(found.slot)}</strong>
              {found.primaries.map((id) => (
                <span key={id} class="holder">
                  <span class="muted" aria-hidden="true">
                    →
                  </span>
                  <Disc id={id} size={22} /> <span class="mono">{nameOf(id).address}</span>
                </span>
              ))}
            </>
          )}
        </p>
      </div>
    </section>
  );
}
