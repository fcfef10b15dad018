// The one error that the stack shows to people: what is wrong and what to do about it.

/** A failure with a remedy; the command line prints both and no stack trace. */
export class StackError extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.name = "StackError";
    this.remedy = remedy;
  }
}

/** Node's error code of an unknown error, such as `EADDRINUSE`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Turns an error from anywhere into one that people can act on. */
export function explain(error: unknown): StackError {
  const message = (error instanceof Error ? error.message : String(error)).slice(0, 2_000);
  if (errorCode(error) === "ENOSPC" || /no space left on device/i.test(message)) {
    return new StackError(
      "The disk is full.",
      "Free some space and start again; nothing that was committed is lost.",
    );
  }
  if (error instanceof StackError) return error;
  switch (errorCode(error)) {
    case "EACCES":
    case "EPERM":
      return new StackError(
        message,
        "The data folder belongs to another user: start as that user, or remove the folder.",
      );
    case "EADDRINUSE":
      return new StackError(message, "Another program took that port while the stack started: start again.");
    case "ERR_MODULE_NOT_FOUND":
      return new StackError(message, "A package is missing: run `npm ci`.");
    default:
      return new StackError(message, "See `npm run logs` for what the parts said.");
  }
}
