/** The files of golden bytes: one a format, beside this one. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Format } from "./formats.ts";
import { fromJson, toJson } from "./golden-json.ts";

const FOLDER = fileURLToPath(new URL("files/", import.meta.url));
const LINE_BYTES = 48;

export interface Golden {
  readonly value: unknown;
  readonly bytes: Uint8Array;
}

interface Stored {
  readonly value: unknown;
  /** Hexadecimal, in lines of 48 bytes. */
  readonly bytes: readonly string[];
}

function pathOf(name: string): string {
  return `${FOLDER}${name}.json`;
}

export function hasGolden(name: string): boolean {
  return existsSync(pathOf(name));
}

export function goldenNames(): readonly string[] {
  return readdirSync(FOLDER).map((file) => file.replace(/\.json$/, ""));
}

export function readGolden(name: string): readonly Golden[] {
  const stored = JSON.parse(readFileSync(pathOf(name), "utf8")) as readonly Stored[];
  return stored.map(({ value, bytes }) => ({
    value: fromJson(value),
    bytes: Uint8Array.from(Buffer.from(bytes.join(""), "hex")),
  }));
}

/** Begins the file of a format that has none: what is there is never written again. */
export function beginGolden(format: Format): void {
  const stored: readonly Stored[] = format.samples().map((value) => ({
    value: toJson(value),
    bytes: linesOf(format.encode(value as never)),
  }));
  writeFileSync(pathOf(format.name), `${JSON.stringify(stored, null, 1)}\n`, { flag: "wx" });
}

function linesOf(bytes: Uint8Array): readonly string[] {
  const hex = Buffer.from(bytes).toString("hex");
  return hex.match(new RegExp(`.{1,${2 * LINE_BYTES}}`, "g")) ?? [];
}
