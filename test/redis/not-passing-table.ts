/** The tests that are not expected to pass, as `docs/redis.md` has them: one row a test, with what it needs. */
import type { Expectation } from "./expectation.ts";

const HEAD = ["| unit | test | needs |", "|---|---|---|"];

export function notPassingTable({ notPassing }: Expectation): string {
  const rows = notPassing.map(({ unit, test, needs }) => {
    const named = needs.map((name) => `\`${name}\``).join(" ");
    return `| ${unit} | ${test} | ${named} |`;
  });
  return [...HEAD, ...rows].join("\n");
}

/** `text` with the table in the place of the one that it has. */
export function withTable(text: string, expectation: Expectation): string {
  const start = text.indexOf(HEAD.join("\n"));
  if (start < 0) throw new Error("there is no table of tests to put this one in the place of");
  const rest = text.slice(start);
  const end = rest.search(/\n(?!\|)/);
  const after = end < 0 ? "" : rest.slice(end);
  return `${text.slice(0, start)}${notPassingTable(expectation)}${after}`;
}
