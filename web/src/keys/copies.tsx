/** What each holder of the key has, side by side, in the order they are asked; looked at again while they differ. */
import type { JSX } from "preact";
import type { LiveCopies, LiveCopy } from "../../../src/protocol/http/live.ts";
import { Disc } from "../parts/disc.tsx";
import { bytesText, countText, plural, stampTimeText } from "../parts/text.ts";
import { colourOf, nameOf } from "../state/nodes.ts";
import { copies } from "./open-key.ts";

export function Copies(): JSX.Element {
  const found = copies.value;
  if (found === undefined) return <p class="muted">Asking those who hold it…</p>;
  if (typeof found === "string") return <p class="problem">{found}</p>;
  const newest = found.copies.reduce((stamp, { cell }) => {
    return cell !== undefined && cell.stamp > stamp ? cell.stamp : stamp;
  }, "");
  return (
    <section class="copies" aria-label="Copies">
      <p class={`verdict-line ${found.isEqual ? "is-equal" : "is-differing"}`} role="status">
        <strong>{verdictOf(found)}</strong> <span class="muted">slot {countText(found.slot)}</span>
      </p>
      <ol>
        {found.copies.map((copy) => (
          <CopyCard key={copy.node} copy={copy} newest={newest} />
        ))}
      </ol>
    </section>
  );
}

function verdictOf({ isEqual, copies: all }: LiveCopies): string {
  const primaries = all.filter(({ role }) => role === "primary");
  if (isEqual) {
    if (primaries.every(({ kind }) => kind === "absent")) return "No copy anywhere";
    return primaries.length === 1 ? "One copy" : `All ${primaries.length} copies are equal`;
  }
  const silent = primaries.filter(({ kind }) => kind === "silent").length;
  const answered = new Set(
    primaries.filter(({ kind }) => kind !== "silent").map(({ cell }) => cell?.checksum ?? ""),
  );
  if (answered.size > 1) return "Copies differ; watching them become equal";
  return silent === 1 ? "One holder does not answer" : `${silent} holders do not answer`;
}

function CopyCard({ copy, newest }: { copy: LiveCopy; newest: string }): JSX.Element {
  const { node, role, kind, hasVote, cell, fields } = copy;
  const isBehind = cell !== undefined && cell.stamp !== newest;
  const isLacking = kind !== "held" && newest !== "" && role === "primary";
  const state = isBehind ? "behind" : isLacking ? kind : "same";
  return (
    <li class={`copy copy-${state}`} style={{ "--disc": colourOf(node) }} data-node={node}>
      <p class="copy-who">
        <Disc id={node} size={26} />
        <span class="mono">{nameOf(node).address}</span>
        {role === "primary" ? null : (
          <span class="chip">{role === "pending" ? "soon a holder" : "keeps it for others"}</span>
        )}
      </p>
      <p class="copy-what">{whatOf(copy, isBehind)}</p>
      {cell === undefined ? null : (
        <dl class="num">
          <dt>written</dt>
          <dd title={cell.stamp}>{stampTimeText(cell.stamp)}</dd>
          <dt>stamp</dt>
          <dd class="mono stamp">{cell.stamp}</dd>
          <dt>checksum</dt>
          <dd class="mono">{cell.checksum}</dd>
          {fields === undefined ? null : (
            <>
              <dt>fields</dt>
              <dd>
                {fields.isWhole ? "" : "first "}
                {countText(fields.count)}{" "}
                <span class="mono muted">{fields.fingerprint.slice(-8)}</span>
              </dd>
            </>
          )}
        </dl>
      )}
      {hasVote || kind === "silent" ? null : <p class="doubt">no vote: it is being mended</p>}
    </li>
  );
}

function whatOf({ kind, cell }: LiveCopy, isBehind: boolean): string {
  if (kind === "silent") return "does not answer";
  if (kind === "damaged") return "holds it damaged";
  if (cell === undefined) return "holds nothing";
  const older = isBehind ? "an older " : "a ";
  if (cell.kind === "tombstone") return isBehind ? "an older tombstone" : "a tombstone: deleted";
  if (cell.kind === "container") return `${older}${cell.type}`;
  return `${older}value of ${cell.bytes === 1 ? plural(1, "byte", "bytes") : bytesText(cell.bytes)}`;
}
