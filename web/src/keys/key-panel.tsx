/** One key in full: its value, to read and to change, and the copies of it. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { Dialog } from "../parts/dialog.tsx";
import { bytesText, stampTimeText } from "../parts/text.ts";
import { hashOf } from "../state/route.ts";
import { Copies } from "./copies.tsx";
import { type KeyName, shownName } from "./key-name.ts";
import type { Value } from "./kv.ts";
import { discardDraft, draft, isBusy, remark, remove, save, value } from "./open-key.ts";

export function KeyPanel({ name }: { name: KeyName }): JSX.Element {
  return (
    <article class="panel key-panel" aria-labelledby="key-title">
      <header>
        <a class="back" href={hashOf("keys")}>
          ‹ All keys
        </a>
        <h2 id="key-title" class="mono">
          {shownName(name)}
        </h2>
        <Facts found={value.value} />
      </header>
      <Copies />
      <Editor found={value.value} />
    </article>
  );
}

function Facts({ found }: { found: Value | undefined }): JSX.Element {
  if (found === undefined) return <p class="muted">Reading…</p>;
  if (found.kind === "failed") return <p class="problem">{found.detail}</p>;
  if (found.kind === "absent") {
    return <p class="muted">Not there{found.wasThere ? ": deleted, or expired" : ""}.</p>;
  }
  const stamp = found.etag.replaceAll('"', "");
  return (
    <p class="muted key-facts">
      <span class="num">{bytesText(found.bytes)}</span>
      {found.contentType === "" ? null : <span>{found.contentType}</span>}
      <span title={stamp} class="num">
        written {stampTimeText(stamp)}
      </span>
      {found.expires === undefined ? null : <span class="num">expires {found.expires}</span>}
    </p>
  );
}

function Editor({ found }: { found: Value | undefined }): JSX.Element | null {
  if (found === undefined || found.kind === "failed") return <RemarkLine />;
  if (found.kind === "found" && found.text === undefined) {
    return (
      <>
        <p class="empty">These bytes are no text, or too many to show here.</p>
        <RemarkLine />
        <DeleteButton />
      </>
    );
  }
  const text = found.kind === "found" ? (found.text ?? "") : "";
  const isReadOnly = found.kind === "found" && found.isContainer;
  const isChanged = draft.value !== undefined && (found.kind === "absent" || draft.value !== text);
  return (
    <form
      class="editor"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <label for="value">{isReadOnly ? "All fields, merged" : "Value"}</label>
      <textarea
        id="value"
        class="mono"
        rows={7}
        spellcheck={false}
        readOnly={isReadOnly}
        value={draft.value ?? text}
        placeholder={found.kind === "absent" ? "Write the first value" : ""}
        onInput={(event) => {
          draft.value = event.currentTarget.value;
        }}
      />
      <RemarkLine />
      <div class="buttons">
        {found.kind === "found" ? <DeleteButton /> : null}
        <span class="spacer" />
        {draft.value === undefined ? null : (
          <button type="button" onClick={discardDraft}>
            Discard
          </button>
        )}
        {isReadOnly ? null : (
          <button type="submit" class="primary" disabled={!isChanged || isBusy.value}>
            Store
          </button>
        )}
      </div>
    </form>
  );
}

function RemarkLine(): JSX.Element {
  const said = remark.value;
  return (
    <p class={`remark ${said === undefined ? "" : `remark-${said.tone}`}`} role="status">
      {said?.text}
    </p>
  );
}

const isAsking = signal(false);

function DeleteButton(): JSX.Element {
  const close = (): void => {
    isAsking.value = false;
  };
  return (
    <>
      <button
        type="button"
        class="danger-quiet"
        disabled={isBusy.value}
        onClick={() => {
          isAsking.value = true;
        }}
      >
        Delete…
      </button>
      {isAsking.value ? (
        <Dialog title="Delete this key?" onClose={close}>
          <p>
            A tombstone takes its place on every copy, and stays deleted: it goes when every member
            has agreed that nothing older can turn up.
          </p>
          <div class="buttons">
            <button type="button" onClick={close}>
              Cancel
            </button>
            <button
              type="button"
              class="danger"
              onClick={() => {
                close();
                void remove();
              }}
            >
              Delete
            </button>
          </div>
        </Dialog>
      ) : null}
    </>
  );
}
