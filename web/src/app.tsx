/** The frame: who tells, whether it still does, and the three views. */
import { effect } from "@preact/signals";
import type { JSX } from "preact";
import { ChartsView } from "./charts/charts-view.tsx";
import { ClusterView } from "./cluster/cluster-view.tsx";
import { KeysView } from "./keys/keys-view.tsx";
import { Disc } from "./parts/disc.tsx";
import { connection, members, sample } from "./state/live.ts";
import { nameOf } from "./state/nodes.ts";
import { hashOf, route, VIEWS, type View } from "./state/route.ts";
import { theme, toggleTheme } from "./state/theme.ts";

const TITLES: Readonly<Record<View, string>> = {
  cluster: "Cluster",
  charts: "Charts",
  keys: "Keys",
};

effect(() => {
  const self = sample.value === undefined ? undefined : nameOf(sample.value.node);
  document.title = self === undefined ? "dnd" : `${self.address} · dnd`;
});

export function App(): JSX.Element {
  const { view } = route.value;
  return (
    <>
      <a class="skip" href="#main">
        To the content
      </a>
      <header class="top">
        <div class="brand">
          <Mark />
          <span class="wordmark">dnd</span>
          <WhoTells />
        </div>
        <nav class="tabs" aria-label="Views">
          {VIEWS.map((name) => (
            <a key={name} href={hashOf(name)} aria-current={name === view ? "page" : undefined}>
              {TITLES[name]}
            </a>
          ))}
        </nav>
        <div class="aside">
          <ConnectionState />
          <button
            type="button"
            class="quiet"
            onClick={toggleTheme}
            aria-label={theme.value === "dark" ? "Switch to light" : "Switch to dark"}
            title={theme.value === "dark" ? "Light" : "Dark"}
          >
            {theme.value === "dark" ? <Sun /> : <Moon />}
          </button>
        </div>
      </header>
      <LostNotice />
      <FullDiskNotice />
      <main id="main" tabIndex={-1}>
        {view === "cluster" ? <ClusterView /> : view === "charts" ? <ChartsView /> : <KeysView />}
      </main>
    </>
  );
}

function WhoTells(): JSX.Element | null {
  const told = sample.value;
  if (told === undefined) return null;
  const self = nameOf(told.node);
  return (
    <span class="who" title={`node ${told.node}, cluster ${told.cluster ?? "none"}`}>
      <span>as seen by</span> <Disc id={told.node} size={20} />{" "}
      <span class="mono">{self.address}</span>
      {told.waitsFor === null ? null : (
        <span class="chip chip-moving">{WAITS[told.waitsFor] ?? told.phase}</span>
      )}
    </span>
  );
}

/** What keeps a node from being ready. */
const WAITS: Readonly<Record<string, string>> = {
  start: "starting",
  share: "joining",
  hashes: "reading what it holds",
  comparison: "catching up",
  votes: "being mended",
  leave: "leaving",
  stop: "stopping",
};

const STATES = {
  connecting: "connecting",
  live: "live",
  lost: "reconnecting",
} as const;

function ConnectionState(): JSX.Element {
  const state = connection.value;
  return (
    <span class={`state state-${state}`} role="status">
      <span class="dot" aria-hidden="true" />
      {STATES[state]}
    </span>
  );
}

function LostNotice(): JSX.Element | null {
  if (connection.value !== "lost") return null;
  const others = members.value.filter(({ reach }) => reach !== "self");
  return (
    <p class="notice" role="alert">
      <strong>This node does not answer; reconnecting.</strong> What is shown is what it said last.
      The others go on without it
      {others.length === 0 ? "." : `: ${others.map(({ address }) => address).join(", ")}.`}
    </p>
  );
}

function FullDiskNotice(): JSX.Element | null {
  if (sample.value?.gauges["storage-low"] !== 1) return null;
  return (
    <p class="notice" role="alert">
      <strong>This node takes no writes: its disk is nearly full.</strong> It serves reads, and
      takes writes again by itself once there is more space.
    </p>
  );
}

function Mark(): JSX.Element {
  const arcs = [0, 1, 2, 3, 4];
  return (
    <svg class="mark" viewBox="-16 -16 32 32" width="28" height="28" aria-hidden="true">
      {arcs.map((index) => {
        const from = (index / 5) * 2 * Math.PI - Math.PI / 2 + 0.16;
        const to = ((index + 1) / 5) * 2 * Math.PI - Math.PI / 2 - 0.16;
        const point = (angle: number): string =>
          `${(11 * Math.cos(angle)).toFixed(2)} ${(11 * Math.sin(angle)).toFixed(2)}`;
        return (
          <path
            key={index}
            d={`M${point(from)}A11 11 0 0 1 ${point(to)}`}
            fill="none"
            stroke={`var(--node-${index})`}
            stroke-width="6"
          />
        );
      })}
    </svg>
  );
}

function Sun(): JSX.Element {
  return (
    <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true" class="icon">
      <circle cx="12" cy="12" r="4.5" />
      <path d="M12 2v3M12 19v3M2 12h3M19 12h3M4.9 4.9l2.1 2.1M17 17l2.1 2.1M4.9 19.1 7 17M17 7l2.1-2.1" />
    </svg>
  );
}

function Moon(): JSX.Element {
  return (
    <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true" class="icon">
      <path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z" />
    </svg>
  );
}
