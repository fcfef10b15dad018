// How long Edge Functions wait for other services. Every client takes its timeout from here.

/** In milliseconds. */
export const timeouts = {
  /** A request to Auth, the database or Storage. */
  supabase: 20_000,
  /** A request to Stripe; its library tries twice more. */
  stripe: 10_000,
  /** Connecting to the mail server, and its greeting. */
  smtpConnection: 10_000,
  /** A reply of the mail server. */
  smtpReply: 20_000,
  /** Delivering a webhook to its receiver. */
  webhook: 10_000,
  /** Reading a calendar feed, with its redirects. */
  feed: 10_000,
  /** A run of money-worker, for which reconcile waits. */
  moneyWorker: 60_000,
};

/** `fetch` with a timeout for the whole request, including the body of the response. */
export function fetchWithin(milliseconds: number): typeof fetch {
  return (input, init) => {
    const signals = [AbortSignal.timeout(milliseconds), init?.signal].filter((signal) => signal != null);
    return fetch(input, { ...init, signal: AbortSignal.any(signals) });
  };
}

/** @throws when the work has not ended after so many milliseconds */
export function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("took too long")), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
