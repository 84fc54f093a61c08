/** Why a data directory cannot be opened. Thrown at start only; nothing was changed in the directory. */

/** Stable codes. */
export type DataDirectoryErrorCode =
  | "locked" // another process, or another node of this process, has it open
  | "wrong-format" // written by a version whose layout this one does not read
  | "not-ours" // holds something, but not the marker of a data directory
  | "unusable"; // the operating system refuses: permissions, not a directory, read-only, ...

export class DataDirectoryError extends Error {
  override readonly name = "DataDirectoryError";
  readonly code: DataDirectoryErrorCode;

  /** `message` is one line for an operator, naming the directory. */
  constructor(code: DataDirectoryErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
