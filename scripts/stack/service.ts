// The interface of every service of the stack.

/** A service of the stack. `stop` may be called in any state, also after a failed start. */
export interface Service {
  readonly name: string;
  /** Starts the service without waiting until it can answer. */
  start(): Promise<void>;
  /** Resolves once the service answers; rejects when it cannot. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

/** A service that can say at any time whether it works. */
export interface CheckedService extends Service {
  /** Rejects, or never resolves, when the service does not work either. */
  works(): Promise<boolean>;
}

/** A service that answers requests in this process. */
export interface AnsweringService extends CheckedService {
  fetch(request: Request): Promise<Response>;
}
