// Sends mails of notifications and invitations. Jobs: queue `mails`, message { notification_id }, { invitation_id } or { digest_of }.

import { createWorker, type Queue } from "../_shared/worker.ts";
import { type MailRequest, unsubscribeUrl, writeMail } from "./templates.ts";

/** A mail as it goes to the server. */
export interface Envelope {
  from: string;
  to: string;
  subject: string;
  text: string;
  html: string;
  messageId: string;
  headers: Record<string, string>;
}

/** What the worker needs of the outside; index.ts gives the real ones. */
export interface Dependencies {
  queue: Queue;
  /** Null when there is nothing to send any more. */
  mailToSend(message: unknown): Promise<MailRequest | null>;
  /** Resolves once the mail server has the mail. */
  send(envelope: Envelope): Promise<void>;
  mailSent(message: unknown, ids: string[]): Promise<void>;
  addressBounced(email: string, reason: string): Promise<void>;
  /** The sender, as `Name <address>`. */
  from: string;
  log(message: string): void;
}

/**
 * Works until the queue is empty. A worker that dies after the server took a mail and before that was noted sends it again,
 * with the same Message-ID, by which mail programs show it once. An address that the server refuses for good is noted and the
 * job is done; every other failure is tried again.
 */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  const { queue, mailToSend, send, mailSent, addressBounced, from, log } = dependencies;
  const domain = /@([^\s>]+)>?$/.exec(from)?.[1] ?? "localhost";
  return createWorker({
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
        const reason = refusal(error);
        // the address must not get into a log
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
 * What the server said when there is no such mailbox (RFC 5321: 550, 551, 553 after RCPT); undefined for any other error, a
 * refusal of the sender too (RFC 3463: x.7.y, as "550 5.7.1 relaying denied"), which says nothing of the address.
 */
function refusal(error: unknown): string | undefined {
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
