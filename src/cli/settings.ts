/** Flags and configuration file to checked options; errors name the flag, or the key and its file. */
import { readFile } from "node:fs/promises";
import { parse as parseToml, TomlError } from "smol-toml";
import { z } from "zod";
import { DndError } from "../dnd-error.ts";
import { type NodeOptions, nodeOptionsSchema, parseNodeOptions } from "../node-options.ts";
import { LOG_LEVELS, type LogLevel } from "../ports/log.ts";
import { usageError } from "./cli-error.ts";
import type { NodeFlags } from "./node-flags.ts";
import { otelSettings } from "./otel-environment.ts";

export interface Settings {
  readonly options: NodeOptions;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly isJson: boolean;
  /** What of the environment is not followed, if anything. */
  readonly remark: string | undefined;
}

const OPTIONS = Object.keys(nodeOptionsSchema.shape);
const LOG_FORMATS = ["text", "json"] as const;
type LogFormat = (typeof LOG_FORMATS)[number];
const LOG_LEVEL_KEY = "log-level";
const LOG_FORMAT_KEY = "log-format";
/** What the command line listens on beyond the schema's defaults. */
const DEFAULTS = { serverPort: 6_000, webPort: 6_080, redisPort: 6_400 };

/**
 * @param logLevel    what is logged when neither flag nor file says.
 * @param environment where traces go when neither says (`otel-environment.ts`).
 */
export async function resolveSettings(
  flags: NodeFlags,
  logLevel: LogLevel = "info",
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Settings> {
  const file = flags.config === undefined ? {} : await readConfig(flags.config);
  const { [LOG_LEVEL_KEY]: fileLevel, [LOG_FORMAT_KEY]: fileFormat, ...fileOptions } = file;
  const fromFlags = Object.fromEntries(
    OPTIONS.filter((option) => flags[option] !== undefined).map((option) => [
      option,
      flagValue(option, flags[option]),
    ]),
  );
  const fromFile = Object.fromEntries(
    Object.entries(fileOptions).map(([key, value]) => [camelCase(key), value]),
  );
  const nameOf = (option: string): string =>
    option in fromFile && !(option in fromFlags)
      ? `${kebabCase(option)} in ${flags.config}`
      : `--${kebabCase(option)}`;
  const said = { ...fromFile, ...fromFlags };
  const { problem, ...traces } = otelSettings(environment);
  return {
    options: checked({ ...DEFAULTS, ...traces, ...said }, nameOf),
    remark: "tracesTo" in said ? undefined : problem,
    logLevel: chooseLevel(flags, fileLevel) ?? logLevel,
    logFormat: chooseFormat(flags, fileFormat),
    isJson: flags.json === true,
  };
}

function checked(raw: Record<string, unknown>, nameOf: (option: string) => string): NodeOptions {
  try {
    return parseNodeOptions(raw, nameOf);
  } catch (error) {
    if (error instanceof DndError && error.code === "bad-option") throw usageError(error.message);
    throw error;
  }
}

function chooseLevel(flags: NodeFlags, fileLevel: unknown): LogLevel | undefined {
  const asked = [flags.verbose === true, flags.quiet === true, flags.logLevel !== undefined];
  if (asked.filter((isAsked) => isAsked).length > 1) {
    throw usageError("--log-level, --verbose and --quiet exclude each other");
  }
  if (flags.verbose === true) return "debug";
  if (flags.quiet === true) return "error";
  if (flags.logLevel !== undefined)
    return parseChoice(LOG_LEVELS, `--${LOG_LEVEL_KEY}`, flags.logLevel);
  if (fileLevel === undefined) return undefined;
  return parseChoice(LOG_LEVELS, `${LOG_LEVEL_KEY} in ${flags.config}`, fileLevel);
}

/** Who wants answers in JSON wants the log in it too, unless told otherwise. */
function chooseFormat(flags: NodeFlags, fileFormat: unknown): LogFormat {
  if (flags.logFormat !== undefined)
    return parseChoice(LOG_FORMATS, `--${LOG_FORMAT_KEY}`, flags.logFormat);
  if (fileFormat !== undefined)
    return parseChoice(LOG_FORMATS, `${LOG_FORMAT_KEY} in ${flags.config}`, fileFormat);
  return flags.json === true ? "json" : "text";
}

export function parseChoice<Choice extends string>(
  choices: readonly Choice[],
  name: string,
  raw: unknown,
): Choice {
  const chosen = choices.find((known) => known === raw);
  if (chosen !== undefined) return chosen;
  throw usageError(`${name} is ${JSON.stringify(raw)}: must be one of ${choices.join(", ")}`);
}

/** Flags are text; the schema wants what they spell. What they do not spell is the schema's to refuse. */
function flagValue(option: string, raw: unknown): unknown {
  if (typeof raw !== "string") return raw;
  if (option === "peers" || option === "allowedHosts")
    return raw.split(",").map((peer) => peer.trim());
  const isText =
    option === "zone" || option === "dnsServer" || option === "dataDir" || option === "address";
  if (option === "tracesRatio" && /^\d{0,9}\.\d{1,15}$/.test(raw)) return Number(raw);
  return !isText && /^-?\d{1,15}$/.test(raw) ? Number(raw) : raw;
}

async function readConfig(path: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const { code = "unreadable" } = error as NodeJS.ErrnoException;
    throw usageError(`--config: ${path} cannot be read (${code})`);
  }
  let parsed: Record<string, unknown>;
  try {
    parsed = parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n")[0];
    throw usageError(`${path}, line ${error.line}, column ${error.column}: ${reason}`);
  }
  const unknown = Object.keys(parsed).find(
    (key) =>
      key !== LOG_LEVEL_KEY &&
      key !== LOG_FORMAT_KEY &&
      (key !== kebabCase(camelCase(key)) || !OPTIONS.includes(camelCase(key))),
  );
  if (unknown === undefined) return parsed;
  throw usageError(
    `"${unknown}" in ${path} is not a setting`,
    `settings are ${[...OPTIONS.map(kebabCase), LOG_LEVEL_KEY, LOG_FORMAT_KEY].join(", ")}`,
  );
}

/** Values of settings of which there are only some, by the names of their flags: as the schema has them. */
export function optionChoices(): ReadonlyMap<string, readonly string[]> {
  const { properties = {} } = z.toJSONSchema(nodeOptionsSchema, {
    io: "input",
    unrepresentable: "any",
  });
  const choices = new Map<string, readonly string[]>([
    [LOG_LEVEL_KEY, LOG_LEVELS],
    [LOG_FORMAT_KEY, LOG_FORMATS],
  ]);
  for (const [option, schema] of Object.entries(properties)) {
    if (typeof schema === "boolean" || schema.enum === undefined) continue;
    choices.set(kebabCase(option), schema.enum.map(String));
  }
  return choices;
}

function camelCase(kebab: string): string {
  return kebab.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

export function kebabCase(camel: string): string {
  return camel.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
