// What the handlers of Storage work with.

import type { Sql } from "postgres";
import type { Call } from "./call.ts";
import type { ObjectFiles } from "./object-files.ts";
import type { ResumableUploads } from "./resumable.ts";

export interface Storage {
  sql: Sql;
  files: ObjectFiles;
  resumable: ResumableUploads;
  /** Signs and verifies tokens and URLs. */
  secret: Uint8Array;
  /** The size of the largest file, in bytes. */
  sizeLimit: number;
}

export type Handler = (storage: Storage, call: Call) => Promise<Response>;
