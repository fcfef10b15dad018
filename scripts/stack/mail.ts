// Mail as a service of the stack: the catcher in mail-catcher.ts, in a process of its own, so that no mail can harm the rest.

import { join } from "node:path";
import type { StackConfig } from "../lib/config.ts";
import type { StackError } from "../lib/errors.ts";
import { freePort, listens } from "../lib/ports.ts";
import { ManagedProcess } from "./processes.ts";
import type { CheckedService } from "./service.ts";

export interface Mail extends CheckedService {
  /** The port of the SMTP server; known once started. */
  readonly smtpPort: number;
}

/** @param failed called when the catcher has exited too often */
export function createMail(config: StackConfig, failed?: (error: StackError) => void): Mail {
  let catcher: ManagedProcess | undefined;
  let smtpPort = 0;
  const works = async () => (await listens(smtpPort)) && (await listens(config.ports.mail));

  return {
    name: "mail",
    get smtpPort() {
      return smtpPort;
    },
    async start() {
      smtpPort = await freePort("inner");
      catcher = new ManagedProcess({
        name: "mail",
        command: process.execPath,
        args: [join(import.meta.dirname, "mail-catcher.ts"), String(config.ports.mail), String(smtpPort)],
        dataDir: config.dataDir,
        port: config.ports.mail,
        restart: true,
        ...(failed === undefined ? {} : { failed }),
      });
      catcher.start();
    },
    async ready() {
      await catcher?.until(works);
    },
    works,
    async stop() {
      await catcher?.stop();
    },
  };
}
