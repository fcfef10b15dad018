// Sends the e-mails of notifications, invitations and refunds to guests without an account. Jobs: queue `mails`, message
// { notification_id }, { invitation_id }, { orphan_id } or { digest_of }.

import type { Internal } from "../_shared/internal.ts";
import type { Log } from "../_shared/log.ts";
import { createWorker, type Queue } from "../_shared/worker.ts";
import { type MailRequest, unsubscribeUrl, writeMail } from "./mail.ts";

/** An e-mail as the mail server gets it. */
export interface Envelope {
  from: string;
  to: string;
  subject: string;
  text: string;
  html: string;
  messageId: string;
  headers: Record<string, string>;
}

/** What the worker needs; index.ts provides it. */
export interface Dependencies {
  internal: Internal;
  queue: Queue;
  /** Null when there is nothing left to send. */
  mailToSend(message: unknown): Promise<MailRequest | null>;
  /** Resolves once the mail server has accepted the e-mail. */
  send(envelope: Envelope): Promise<void>;
  mailSent(message: unknown, ids: string[]): Promise<void>;
  addressBounced(email: string, reason: string): Promise<void>;
  /** The sender, as `Name <address>`. */
  from: string;
  log: Log;
}

/**
 * Sends every e-mail at least once; a repetition after a crash has the same Message-ID, so mail programs show it once. An address
 * that the server rejects permanently is recorded, and the job counts as done; any other failure is retried.
 */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  const { internal, queue, mailToSend, send, mailSent, addressBounced, from, log } = dependencies;
  const domain = /@([^\s>]+)>?$/.exec(from)?.[1] ?? "localhost";
  return createWorker({
    internal,
    queue,
    log,
    concurrency: 5,
    async work({ message }) {
      const request = await mailToSend(message);
      if (request === null) return;
      const unsubscribe = unsubscribeUrl(request);
      try {
        await send({
          ...writeMail(request),
          from,
          to: request.to,
          messageId: `<${request.message_id}@${domain}>`,
          headers: {
            "Auto-Submitted": "auto-generated",
            ...(unsubscribe === undefined
              ? {}
              : {
                  "List-Unsubscribe": `<${unsubscribe}>`,
                  "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                }),
          },
        });
      } catch (error) {
        const reason = bounceReason(error);
        // The error of the server may contain the address, which must not be logged.
        if (reason === undefined) throw new Error(`the mail server: ${codeOf(error)}`);
        await addressBounced(request.to, reason);
        return;
      }
      const { ids } = request.data as { ids?: string[] };
      await mailSent(message, ids ?? []);
    },
  });
}

/**
 * The reason when the mailbox does not exist (RFC 5321: 550, 551, 553 after RCPT); undefined for any other error. A rejection of
 * the sender (RFC 3463: x.7.y, as in "550 5.7.1 relaying denied") does not concern the address.
 */
function bounceReason(error: unknown): string | undefined {
  const { responseCode, response, command, code } = error as Record<string, string | number | undefined>;
  const permanent =
    [550, 551, 553].includes(Number(responseCode)) &&
    (command === "RCPT TO" || code === "EENVELOPE") &&
    !/^\d{3}[ -]5\.7\./.test(String(response));
  return permanent ? `refused with ${responseCode}` : undefined;
}

function codeOf(error: unknown): string {
  const { responseCode, code } = error as { responseCode?: number; code?: string };
  return String(responseCode ?? code ?? "failed");
}
