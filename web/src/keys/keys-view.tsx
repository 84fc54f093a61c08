/** The third view: keys by prefix, one of them in full, and where a key would go. */
import type { JSX } from "preact";
import { route } from "../state/route.ts";
import { KeyList } from "./key-list.tsx";
import { KeyPanel } from "./key-panel.tsx";
import { WhereBox } from "./where-box.tsx";

export function KeysView(): JSX.Element {
  const { key } = route.value;
  return (
    <div class={`keys ${key === undefined ? "keys-listing" : "keys-open"}`}>
      <h1 class="sr">Keys</h1>
      <KeyList />
      <div class="keys-main">
        {key === undefined ? (
          <section class="panel empty-key">
            <p class="empty">Choose a key to see what each of its holders has.</p>
          </section>
        ) : (
          <KeyPanel name={key} />
        )}
        <WhereBox />
      </div>
    </div>
  );
}
