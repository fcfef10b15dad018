// Errors that a developer can fix, and how they are shown.

/** An error that a developer can fix: the problem, and the remedy. The command line prints both, without a stack trace. */
export class StackError extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.name = "StackError";
    this.remedy = remedy;
  }
}

/** Node's or Postgres's code of an error, such as `EADDRINUSE`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Turns any error into one with a remedy. */
export function explain(error: unknown): StackError {
  const message = (error instanceof Error ? error.message : String(error)).slice(0, 2_000);
  if (errorCode(error) === "ENOSPC" || /no space left on device/i.test(message)) {
    return new StackError(
      "The disk is full.",
      "Free some space and start again. All committed data is kept.",
    );
  }
  if (error instanceof StackError) return error;
  switch (errorCode(error)) {
    case "EACCES":
    case "EPERM":
      return new StackError(
        message,
        "The data folder belongs to another user. Start as that user, or remove the folder.",
      );
    case "EROFS":
    case "ENOTDIR":
    case "EEXIST":
      return new StackError(message, "Choose a folder that can be written with STAYBASE_DIR.");
    case "EADDRINUSE":
      return new StackError(message, "Another program took the port while the stack started. Start again.");
    case "ERR_MODULE_NOT_FOUND":
      return new StackError(message, "A package is missing. Run `npm ci`.");
    default:
      return new StackError(message, "Run `npm run logs` to see what the services logged.");
  }
}

/** The text that the command line prints for an error: the problem, and the remedy below it. */
export function errorText(error: unknown): string {
  const { message, remedy } = explain(error);
  return `${message}\n\n${remedy}`;
}

/** Prints an error that nothing else catches as its problem and remedy, and exits. */
export function explainUncaught(): void {
  process.on("uncaughtException", (error) => {
    console.error(errorText(error));
    process.exit(1);
  });
}
