// send-mails: the database calls it after it queued a job, and again for jobs that are left. SMTP_FROM is the sender.

import { environment } from "../_shared/environment.ts";
import { createLog } from "../_shared/log.ts";
import { createMailTransport } from "../_shared/mail-transport.ts";
import { createQueue } from "../_shared/queue.ts";
import { createInternal } from "../_shared/runs.ts";
import { createServiceClient, type Json } from "../_shared/supabase.ts";
import { createHandler } from "./handler.ts";
import type { MailRequest } from "./mail.ts";

const supabase = createServiceClient();
const transport = createMailTransport();

Deno.serve(
  createHandler({
    internal: createInternal(supabase, "send-mails"),
    queue: createQueue(supabase, "mails"),
    async mailToSend(message) {
      const { data } = await supabase.rpc("mail_to_send", { p_message: message as Json }).throwOnError();
      return data as MailRequest | null;
    },
    async send(envelope) {
      await transport.sendMail(envelope);
    },
    async mailSent(message, ids) {
      await supabase.rpc("finish_mail", { p_message: message as Json, p_ids: ids }).throwOnError();
    },
    async addressBounced(email, reason) {
      await supabase.rpc("record_bounce", { p_email: email, p_reason: reason }).throwOnError();
    },
    from: environment("SMTP_FROM") ?? "Staybase <noreply@staybase.local>",
    log: createLog("send-mails"),
  }),
);
