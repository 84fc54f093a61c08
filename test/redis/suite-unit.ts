/**
 * One unit of Redis's suite against a server of its own, seen through a proxy where that is asked for. A server for
 * each: what one unit leaves set, the longest string allowed for one, makes another hang.
 */
import { commandName, isOffered, isRefusedSetting, knownNames } from "./offered.ts";
import { type Recorded, RecordingProxy } from "./recording-proxy.ts";
import { RespClient } from "./resp-client.ts";
import { isAnswering, type TestServer } from "./servers.ts";
import { type Limits, runUnit, type UnitRun } from "./suite-run.ts";

export interface SuitePlan {
  readonly units: readonly string[];
  /** With `runtest` in it. */
  readonly folder: string;
  readonly limits: Limits;
  readonly open: () => Promise<TestServer>;
  /** `direct`: no proxy. */
  readonly view: "direct" | View;
}

/** What the suite gets to see of the server. */
export interface View {
  /** No commands but those that a node offers, and no settings but those that it takes. */
  readonly isOfferedOnly: boolean;
  /** `CONFIG SET` answers OK and changes nothing. */
  readonly isInert: boolean;
}

export interface UnitResult {
  readonly run: UnitRun;
  /** Tests that would not end, each found by a run of its own. */
  readonly hung: readonly string[];
  /** The server answers when the unit is over. */
  readonly isAlive: boolean;
  /** Commands that are not offered, and settings, by test. Empty without a proxy. */
  readonly needs: ReadonlyMap<string, readonly string[]>;
  readonly requestCount: number;
}

interface Attempt extends Omit<UnitResult, "hung"> {
  /** Where it was when it ended, if a proxy saw it. */
  readonly lastTest: string | undefined;
}

/** In place of `CONFIG SET`: as harmless, and answered with OK as well. */
const INERT = ["SELECT", "0"];
const ALL: View = { isOfferedOnly: false, isInert: false };
const HUNG_MAX = 20;

/**
 * Runs a unit to its end: where a test hangs, again without that. The suite does not say which test it has come to, but
 * a proxy sees it.
 *
 * @param skipped Tests to leave out, by name.
 */
export async function runOnOwnServer(
  plan: SuitePlan,
  unit: string,
  skipped: readonly string[],
): Promise<UnitResult> {
  const hung: string[] = [];
  let { view } = plan;
  for (;;) {
    const attempt = await attemptUnit({ ...plan, view }, unit, [...skipped, ...hung]);
    const { lastTest, ...result } = attempt;
    const isStuck = view !== "direct" && (lastTest === undefined || hung.includes(lastTest));
    if (!result.run.hasHung || isStuck || hung.length === HUNG_MAX) return { ...result, hung };
    if (lastTest !== undefined) hung.push(lastTest);
    if (view === "direct") view = ALL;
  }
}

async function attemptUnit(
  plan: SuitePlan,
  unit: string,
  skipped: readonly string[],
): Promise<Attempt> {
  const { folder, limits, view } = plan;
  const server = await plan.open();
  try {
    const { host, port } = server;
    if (view !== "direct") return await attemptThroughProxy(plan, unit, skipped, server, view);
    const run = await runUnit(unit, { folder, host, port, limits, skipped });
    const isAlive = await isAnswering(host, port);
    return { run, isAlive, needs: new Map(), requestCount: 0, lastTest: undefined };
  } finally {
    await server.close();
  }
}

async function attemptThroughProxy(
  { folder, limits }: SuitePlan,
  unit: string,
  skipped: readonly string[],
  server: TestServer,
  view: View,
): Promise<Attempt> {
  const known = await commandNames(server);
  const isMissing = (name: string): boolean => known.has(name) && !isOffered(name);
  const proxy = await RecordingProxy.open({
    host: server.host,
    port: server.port,
    replaced: (request) => {
      const name = commandName(request, known);
      const isTaken = isMissing(name) || isRefusedSetting(request);
      if (view.isOfferedOnly && isTaken) return [`no-${name}`, ...request.slice(1)];
      return view.isInert && name === "CONFIG SET" ? INERT : undefined;
    },
  });
  try {
    const { port } = proxy;
    const run = await runUnit(unit, { folder, host: "127.0.0.1", port, limits, skipped });
    const isAlive = await isAnswering(server.host, server.port);
    const needs = needsOf(proxy.recorded, (request) => {
      const name = commandName(request, known);
      if (name === "CONFIG SET") return `${name} ${request[2]?.toLowerCase()}`;
      return isMissing(name) ? name : undefined;
    });
    const lastTest = proxy.test === "" ? undefined : proxy.test;
    return { run, isAlive, needs, requestCount: proxy.requestCount, lastTest };
  } finally {
    await proxy.close();
  }
}

function needsOf(
  recorded: Recorded,
  needed: (request: readonly string[]) => string | undefined,
): UnitResult["needs"] {
  const needs = new Map<string, readonly string[]>();
  for (const [test, requests] of recorded) {
    const names = new Set(requests.map(needed).filter((name) => name !== undefined));
    needs.set(test, [...names].sort());
  }
  return needs;
}

async function commandNames({ host, port }: TestServer): Promise<ReadonlySet<string>> {
  const client = await RespClient.open(port, host);
  try {
    const reply = await client.ask(["COMMAND", "LIST"]);
    if (!("items" in reply)) throw new Error("COMMAND LIST does not answer with a list");
    return knownNames(reply.items.map((item) => ("text" in item ? item.text : "")));
  } finally {
    client.close();
  }
}
