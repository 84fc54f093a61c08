/**
 * The fenced blocks of a Markdown page, with what the page says to its test about each of them, in HTML comments right
 * above the fence that readers do not see:
 *
 *   not run: REASON         a test cannot run it
 *   needs: PROGRAM          run where this program is installed
 *   goes on                 its command runs on, in a terminal of its own, until the page's end or its Ctrl-C
 *   until it prints this    tried again until what it prints is what the page prints
 *   any order               its lines may come in another order
 *   exit N                  it ends with this status
 *   varies: A | B           what the page prints there is another one each time, and the same one from then on
 *   file: NAME              the block is the text of this file
 *   Ctrl-C: COMMAND         of its own, without a block: ends what goes on
 */
export interface Block {
  /** Of its fence, or its comment. From 1. */
  readonly line: number;
  /** What stands behind the fence; `undefined`: no block, an instruction of its own. */
  readonly language: string | undefined;
  readonly text: string;
  readonly notes: readonly Note[];
}

export interface Note {
  readonly kind: (typeof NOTE_KINDS)[number];
  readonly text: string;
}

const NOTE_KINDS = [
  "not run",
  "needs",
  "goes on",
  "until it prints this",
  "any order",
  "exit",
  "varies",
  "file",
  "Ctrl-C",
] as const;
const NOTE = new RegExp(`^<!-- (${NOTE_KINDS.join("|")})(?::? (.*?))? ?-->$`);
const FENCE = /^( *)```(\S*)\s*$/;

/** @throws when a fence is not closed, or a note stands above no block. */
export function blocksOf(markdown: string): readonly Block[] {
  const lines = markdown.split("\n");
  const blocks: Block[] = [];
  let notes: Note[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? "";
    const note = noteOf(line);
    if (note?.kind === "Ctrl-C") {
      blocks.push({ line: index + 1, language: undefined, text: "", notes: [note] });
      continue;
    }
    if (note !== undefined) {
      notes.push(note);
      continue;
    }
    const fence = FENCE.exec(line);
    if (fence === null) {
      if (notes.length > 0 && line.trim() !== "")
        throw new Error(`line ${index + 1}: a note to the test above no block`);
      continue;
    }
    const indent = fence[1]?.length ?? 0;
    const end = lines.findIndex((each, at) => at > index && each.trim() === "```");
    if (end === -1) throw new Error(`line ${index + 1}: a block without an end`);
    const text = lines
      .slice(index + 1, end)
      .map((each) => each.slice(indent))
      .join("\n");
    blocks.push({ line: index + 1, language: fence[2] ?? "", text, notes });
    notes = [];
    index = end;
  }
  if (notes.length > 0) throw new Error("a note to the test at the end, above no block");
  return blocks;
}

function noteOf(line: string): Note | undefined {
  const match = NOTE.exec(line.trim());
  if (match === null) return undefined;
  return { kind: match[1] as Note["kind"], text: match[2] ?? "" };
}

export function noteText(block: Block, kind: Note["kind"]): string | undefined {
  return block.notes.find((note) => note.kind === kind)?.text;
}

export interface PrintedCommand {
  readonly command: string;
  /** What the page shows of its output. */
  readonly printed: readonly string[];
}

/** Of a `console` block: what stands behind `$ `, with lines that continue it behind `> `, and what it prints. */
export function commandsOf(block: Block): readonly PrintedCommand[] {
  const commands: { command: string; printed: string[] }[] = [];
  for (const line of block.text.split("\n")) {
    const last = commands.at(-1);
    if (line.startsWith("$ ")) commands.push({ command: line.slice(2), printed: [] });
    else if (last === undefined) throw new Error(`line ${block.line}: output before a command`);
    else if (line.startsWith("> ") && last.printed.length === 0)
      last.command += `\n${line.slice(2)}`;
    else last.printed.push(line);
  }
  return commands;
}
