/** Which view is shown: the part of the address behind `#`, so that links, history and reloading work. */
import { signal } from "@preact/signals";
import { type KeyName, nameFromPath, pathOf } from "../keys/key-name.ts";

export const VIEWS = ["cluster", "charts", "keys"] as const;
export type View = (typeof VIEWS)[number];

export interface Route {
  readonly view: View;
  /** `#/keys/…`: the key that is looked at. */
  readonly key: KeyName | undefined;
}

export const route = signal<Route>(parse(location.hash));

addEventListener("hashchange", () => {
  route.value = parse(location.hash);
});

export function hashOf(view: View, key?: KeyName): string {
  return key === undefined ? `#/${view}` : `#/${view}/${pathOf(key)}`;
}

export function openKey(key: KeyName | undefined): void {
  location.hash = hashOf("keys", key);
}

function parse(hash: string): Route {
  const match = /^#\/([a-z]+)(?:\/(.*))?$/s.exec(hash);
  const view = VIEWS.find((name) => name === match?.[1]) ?? "cluster";
  return { view, key: view === "keys" ? nameFromPath(match?.[2] ?? "") : undefined };
}
