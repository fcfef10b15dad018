// How a write of a race ended.

/** The outcome of a write: "ok", or the SQLSTATE or HTTP status of its error. */
export async function outcome(write: PromiseLike<unknown>): Promise<string> {
  try {
    const answer = (await write) as { status?: number } | undefined;
    return answer?.status === undefined || answer.status < 300 ? "ok" : String(answer.status);
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}
