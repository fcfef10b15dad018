// Worker of the queue `mails`. Needs SMTP_HOST and SMTP_PORT; SMTP_USER, SMTP_PASS, SMTP_SECURE and SMTP_FROM where the server asks.

import nodemailer from "npm:nodemailer@10.6.0";
import { createQueue, serviceClient } from "../_shared/queue.ts";
import { createHandler } from "./handler.ts";
import type { MailRequest } from "./templates.ts";

const supabase = serviceClient();
const env = (name: string): string | undefined => Deno.env.get(name) || undefined;

const transport = nodemailer.createTransport({
  host: env("SMTP_HOST") ?? "127.0.0.1",
  port: Number(env("SMTP_PORT") ?? 587),
  secure: env("SMTP_SECURE") === "true",
  pool: true,
  maxConnections: 5,
  connectionTimeout: 10_000,
  greetingTimeout: 10_000,
  socketTimeout: 20_000,
  ...(env("SMTP_USER") === undefined
    ? {}
    : { auth: { user: env("SMTP_USER") ?? "", pass: env("SMTP_PASS") ?? "" } }),
});

type Json = NonNullable<Parameters<typeof supabase.rpc<"mail_to_send">>[1]>["p_message"];

Deno.serve(
  createHandler({
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
    from: env("SMTP_FROM") ?? "Staybase <noreply@staybase.local>",
    log: console.error,
  }),
);
