/**
 * Whether a command printed what the page prints. Equal but for what varies: `...` is any text in a line and, alone, any
 * lines; stamps, ids and what the page calls varying may be others, but one text of the page stands for one and the same
 * text of the run, also in later commands. Runs of spaces are alike: tables are as wide as what is in them.
 */
/** Texts of the page and what they are in this run. */
export type Bindings = ReadonlyMap<string, string>;

/** Node ids, epochs, cluster ids, stamps, by their form. */
const VARYING = "[0-9a-f]{12}-[0-9a-f]{4}-[0-9a-f]{14}|(?<![0-9a-z])[0-9a-f]{14,16}(?![0-9a-z])";
const ANY = "...";

export interface Expectation {
  readonly printed: readonly string[];
  readonly varying: readonly string[];
  readonly isAnyOrder: boolean;
}

/** @returns what the page's texts are in this run, with those known before; `undefined`: it printed something else. */
export function matchOutput(
  { printed, varying, isAnyOrder }: Expectation,
  output: string,
  known: Bindings,
): Bindings | undefined {
  const expected = lines(printed.join("\n"));
  const actual = lines(output);
  return isAnyOrder
    ? matchLines(expected, actual, varying, known)
    : matchText(expected, actual, varying, known);
}

/** The command as this run needs it. @param rewrite what else is to be done with it, which what is bound stays out of. */
export function withBindings(
  command: string,
  bindings: Bindings,
  rewrite: (text: string) => string = (text) => text,
): string {
  const bound = [...bindings];
  const marked = bound.reduce(
    (text, [name], index) => text.replaceAll(name, `\0${index}\0`),
    command,
  );
  return rewrite(marked).replace(/\0(\d+)\0/g, (_, index) => bound[Number(index)]?.[1] ?? "");
}

function lines(text: string): string[] {
  const all = text.split("\n").map((line) => line.replace(/\s+/g, " ").trimEnd());
  while (all.at(-1) === "") all.pop();
  return all;
}

/** Each expected line is one of those printed. With `...` alone on a line there may be more. */
function matchLines(
  expected: readonly string[],
  actual: readonly string[],
  varying: readonly string[],
  known: Bindings,
): Bindings | undefined {
  const left = [...actual];
  let bindings = known;
  for (const line of expected) {
    if (line === ANY) continue;
    let found: Bindings | undefined;
    const index = left.findIndex((each) => {
      found = matchText([line], [each], varying, bindings);
      return found !== undefined;
    });
    if (found === undefined) return undefined;
    bindings = found;
    left.splice(index, 1);
  }
  return left.length === 0 || expected.includes(ANY) ? bindings : undefined;
}

function matchText(
  expected: readonly string[],
  actual: readonly string[],
  varying: readonly string[],
  known: Bindings,
): Bindings | undefined {
  const names: string[] = [];
  const places = varying.map((text) => `(?<!\\w)${escaped(text)}(?!\\w)`);
  const split = new RegExp(`(${[escaped(ANY), ...places, VARYING].join("|")})`);
  const pattern = expected.map((line) => {
    if (line === ANY) return "(?:[^\\n]*\\n)*?";
    const parts = line.split(split).map((part, index) => {
      if (index % 2 === 0) return escaped(part);
      if (part === ANY) return "[^\\n]*?";
      const value = known.get(part);
      if (value !== undefined) return escaped(value);
      const place = names.indexOf(part);
      if (place !== -1) return `\\${place + 1}`;
      names.push(part);
      return varying.includes(part) ? "([^\\n]+?)" : "([0-9a-f-]+)";
    });
    return `${parts.join("")}\\n`;
  });
  const text = actual.map((line) => `${line}\n`).join("");
  const match = new RegExp(`^${pattern.join("")}$`).exec(text);
  if (match === null) return undefined;
  return new Map([...known, ...names.map((name, at) => [name, match[at + 1] ?? ""] as const)]);
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
