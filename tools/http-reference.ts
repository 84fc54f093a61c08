/**
 * docs/http-reference.md, made from what a node says of itself at `/openapi.json`. A test holds the page to be current.
 *
 *   node tools/http-reference.ts      writes the page
 */
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { openNode } from "../src/index.ts";

export const HTTP_REFERENCE = fileURLToPath(new URL("../docs/http-reference.md", import.meta.url));

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly maxLength?: number;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

type Content = Readonly<Record<string, { readonly schema?: Schema }>>;

interface Response {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description?: string }>>;
  readonly content?: Content;
}

interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, Response>>;
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const HEAD = `# HTTP reference

Made from a node's own \`/openapi.json\` by \`node tools/http-reference.ts\`: every address, what it takes and what it answers.
[HTTP](http.md) says how it fits together, and which bounds and errors there are.
`;

/** The page as it must be. */
export async function httpReference(): Promise<string> {
  const node = await openNode({ durability: "memory", port: 0, serverPort: 0 });
  try {
    const response = await fetch(`http://${node.httpAddress}/openapi.json`);
    return page((await response.json()) as OpenApi);
  } finally {
    await node.close();
  }
}

function page({ paths, components }: OpenApi): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
  const schemas = Object.entries(components.schemas).sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = [
    HEAD,
    table(
      ["request", "does"],
      operations.map(({ name, operation }) => [
        `[\`${name}\`](#${anchor(name)})`,
        operation.summary ?? "",
      ]),
    ),
    ...operations.map(({ name, operation }) => section(name, operation)),
    "## What is answered\n\nMembers with a `?` may be missing.\n",
    ...schemas.map(([name, schema]) => `### ${name}\n\n${schemaText(schema)}`),
  ];
  return parts.join("\n");
}

/** Of a heading, as GitHub makes it. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^a-z0-9 _-]/g, "")
    .replaceAll(" ", "-");
}

function section(name: string, operation: Operation): string {
  const parts = [`## ${name}\n`, `${operation.summary ?? ""}.\n`];
  if (operation.description !== undefined) parts.push(`${operation.description}\n`);
  const { parameters = [], requestBody } = operation;
  if (parameters.length > 0) {
    const rows = parameters.map((parameter) => [
      `\`${parameter.name}\`${parameter.required === true ? "" : "?"}`,
      parameter.in,
      typeText(parameter.schema),
      parameter.description ?? "",
    ]);
    parts.push(table(["parameter", "in", "type", ""], rows));
  }
  if (requestBody !== undefined) parts.push(`Body: ${contentText(requestBody.content)}.\n`);
  parts.push(table(["status", "", "content"], Object.entries(operation.responses).map(answerRow)));
  return parts.join("\n");
}

function answerRow([status, response]: [string, Response]): string[] {
  const headers = Object.keys(response.headers ?? {}).map((name) => `\`${name}\``);
  const named = headers.length === 0 ? "" : ` Headers: ${headers.join(", ")}.`;
  return [status, `${response.description}${named}`, contentText(response.content ?? {})];
}

function contentText(content: Content): string {
  return Object.entries(content)
    .map(([type, { schema }]) =>
      schema?.$ref === undefined ? `\`${type}\`` : `\`${type}\`: ${typeText(schema)}`,
    )
    .join("; ");
}

/** Of a named schema: a table of its members, or what it is. */
function schemaText(schema: Schema): string {
  if (schema.properties !== undefined) return table(["member", "type", ""], memberRows(schema, ""));
  const choices = schema.anyOf ?? [schema];
  return `${choices.map((each) => `- ${typeText(each)}${described(each)}`).join("\n")}\n`;
}

/** Members of members come below, under their path. */
function memberRows(schema: Schema, prefix: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const path = `${prefix}${name}`;
    const mark = schema.required?.includes(name) === true ? "" : "?";
    const row = [`\`${path}\`${mark}`, typeText(member), member.description ?? ""];
    const inner = member.items ?? member;
    const step = member.items === undefined ? "." : "[].";
    return [row, ...memberRows(inner, `${path}${step}`)];
  });
}

function described({ description }: Schema): string {
  return description === undefined ? "" : `: ${description}`;
}

function typeText(schema: Schema): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1) ?? "";
    return `[${name}](#${name.toLowerCase()})`;
  }
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeText).join(" or ");
  if (schema.enum !== undefined)
    return schema.enum.map((value) => `\`${String(value)}\``).join(", ");
  if (schema.items !== undefined) return `array of ${typeText(schema.items)}`;
  if (typeof schema.additionalProperties === "object")
    return `object of ${typeText(schema.additionalProperties)}`;
  const types = [schema.type ?? "any JSON"].flat().join(" or ");
  return `${types}${boundsText(schema)}`;
}

function boundsText({ minimum, maximum, exclusiveMinimum, maxLength }: Schema): string {
  if (maxLength !== undefined) return `, up to ${maxLength}`;
  if (exclusiveMinimum !== undefined && maximum !== undefined)
    return `, above ${exclusiveMinimum}, to ${maximum}`;
  if (exclusiveMinimum !== undefined) return `, above ${exclusiveMinimum}`;
  if (minimum !== undefined && maximum !== undefined) return `, ${minimum}..${maximum}`;
  return minimum === undefined ? "" : `, from ${minimum}`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heads, heads.map(() => "---"), ...rows].map(
    (cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`,
  );
  return `${lines.join("\n").replaceAll("|  |", "| |")}\n`;
}

if (import.meta.main) await writeFile(HTTP_REFERENCE, await httpReference());
