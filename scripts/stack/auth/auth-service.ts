// What the handlers of Auth work with.

import type { Sql } from "postgres";
import type { Call } from "./call.ts";
import type { Limits } from "./limits.ts";
import type { Mails } from "./mails.ts";
import type { Settings } from "./settings.ts";

export interface Auth {
  settings: Settings;
  sql: Sql;
  limits: Limits;
  mails: Mails;
  /** Runs after the answer, so that its time says nothing about what there was to do. */
  later(task: () => Promise<void>): void;
}

export type Handler = (auth: Auth, call: Call) => Promise<Response>;
