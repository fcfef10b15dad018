// What every part of the stack looks like.

/** One running piece of the stack. `stop` may be called in any state, also after a failed start. */
export interface Service {
  readonly name: string;
  /** Launches the part; does not wait until it can serve. */
  start(): Promise<void>;
  /** Resolves as soon as the part serves; rejects when it never will. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}
