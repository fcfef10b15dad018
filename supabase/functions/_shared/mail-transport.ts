// The connection to the mail server: SMTP_HOST and SMTP_PORT, and SMTP_USER, SMTP_PASS and SMTP_SECURE if the server needs them.

import nodemailer from "nodemailer";
import { type Environment, environment } from "./environment.ts";
import { timeouts } from "./timeout.ts";

export function createMailTransport(
  env: Environment = environment,
  connectionTimeout = timeouts.smtpConnection,
) {
  const user = env("SMTP_USER");
  return nodemailer.createTransport({
    host: env("SMTP_HOST") ?? "127.0.0.1",
    port: Number(env("SMTP_PORT") ?? 587),
    secure: env("SMTP_SECURE") === "true",
    pool: true,
    maxConnections: 5,
    connectionTimeout,
    greetingTimeout: connectionTimeout,
    socketTimeout: timeouts.smtpReply,
    ...(user === undefined ? {} : { auth: { user, pass: env("SMTP_PASS") ?? "" } }),
  });
}
