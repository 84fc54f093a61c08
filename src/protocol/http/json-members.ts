/**
 * The members of a JSON object as their source text.
 *
 * `JSON.parse` alone would change values on the way: `1.0` becomes 1, a large integer its neighbour. Here a value keeps
 * its spelling. Names given twice are reported, since parsers disagree on which one counts.
 */

/**
 * Splits `text`, which must be a valid JSON object (parse it first), into raw values by name.
 *
 * @returns `undefined` when a name is given twice.
 */
export function jsonMembers(text: string): ReadonlyMap<string, string> | undefined {
  const members = new Map<string, string>();
  let index = skipSpace(text, 0) + 1;
  for (;;) {
    index = skipSpace(text, index);
    if (text[index] === "}" || index >= text.length) return members;
    if (text[index] === ",") {
      index += 1;
      continue;
    }
    const nameEnd = endOfString(text, index);
    const name = JSON.parse(text.slice(index, nameEnd)) as string;
    const valueStart = skipSpace(text, skipSpace(text, nameEnd) + 1);
    index = endOfValue(text, valueStart);
    if (members.has(name)) return undefined;
    members.set(name, text.slice(valueStart, index));
  }
}

function skipSpace(text: string, from: number): number {
  let index = from;
  while (index < text.length && " \t\r\n".includes(text[index] as string)) index += 1;
  return index;
}

/** The index after the closing quote of the string that begins at `from`. */
function endOfString(text: string, from: number): number {
  let index = from + 1;
  while (index < text.length && text[index] !== '"') index += text[index] === "\\" ? 2 : 1;
  return index + 1;
}

/** The index after the value that begins at `from`, without trailing space. */
function endOfValue(text: string, from: number): number {
  let depth = 0;
  let index = from;
  while (index < text.length) {
    const character = text[index] as string;
    if (character === '"') {
      index = endOfString(text, index);
      if (depth === 0) return index;
      continue;
    }
    if (depth === 0 && ",} \t\r\n".includes(character)) return index;
    if (character === "{" || character === "[") depth += 1;
    if (character === "}" || character === "]") depth -= 1;
    index += 1;
    if (depth === 0 && (character === "}" || character === "]")) return index;
  }
  return index;
}
