// The mail catcher: accepts mails by SMTP and keeps them in memory, except those to @bounce.example, which it rejects. Its HTTP API
// is part of Mailpit's, which the official stack runs on the same port. Its arguments are the ports of HTTP and SMTP.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer } from "smtp-server";
import { requestUrl } from "../lib/server.ts";
import { mailPage } from "./mail-page.ts";

interface Message {
  id: string;
  created: string;
  raw: Buffer;
  email: Email;
}

const maxMessages = 500;
const maxBytes = 10 * 1024 * 1024;

const [httpPort, smtpPort] = process.argv.slice(2).map(Number);
let count = 0;
let messages: Message[] = [];

const smtp = new SMTPServer({
  authOptional: true,
  disabledCommands: ["STARTTLS"],
  size: maxBytes,
  logger: false,
  // a domain without mailboxes, to test bounces
  onRcptTo({ address }, _session, done) {
    const refused = Object.assign(new Error("5.1.1 No such mailbox."), { responseCode: 550 });
    done(address.endsWith("@bounce.example") ? refused : null);
  },
  onData(stream, _session, done) {
    buffer(stream)
      .then(keep)
      .then(() => done(), done);
  },
});
// for example a client that disconnects early
smtp.on("error", (error) => console.error(error.message));
smtp.listen(smtpPort, "127.0.0.1");
createServer((request, response) => {
  answer(request, response).catch((error) => {
    console.error(error);
    if (!response.headersSent) response.writeHead(400, { "content-type": "application/json" });
    response.end(JSON.stringify({ Error: "The request is not valid." }));
  });
}).listen(httpPort, "127.0.0.1");

async function keep(raw: Buffer): Promise<void> {
  const email = await PostalMime.parse(raw);
  count += 1;
  messages = [{ id: String(count), created: new Date().toISOString(), raw, email }, ...messages].slice(
    0,
    maxMessages,
  );
}

/** Deletes the mails whose ids the body names, all when it names none. */
async function remove(request: IncomingMessage): Promise<void> {
  const { IDs = [] } = JSON.parse((await buffer(request)).toString() || "{}") as { IDs?: string[] };
  messages = IDs.length === 0 ? [] : messages.filter(({ id }) => !IDs.includes(id));
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = requestUrl(request);
  const id = /^\/api\/v1\/message\/(\w+)(\/raw)?$/.exec(pathname);
  const json = (status: number, body: unknown) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  if (!isLocal(request)) {
    json(403, { Error: "Only pages on this machine may read mails." });
  } else if (pathname === "/" && request.method === "GET") {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(mailPage);
  } else if (pathname === "/api/v1/messages" && request.method === "DELETE") {
    await remove(request);
    response.writeHead(200, { "content-type": "text/plain" }).end("ok");
  } else if (pathname === "/api/v1/messages") {
    json(200, listing(messages, messages, searchParams));
  } else if (pathname === "/api/v1/search") {
    json(200, listing(messages, search(messages, searchParams.get("query") ?? ""), searchParams));
  } else if (id !== null) {
    const message = id[1] === "latest" ? messages[0] : messages.find((m) => m.id === id[1]);
    if (message === undefined) json(404, { Error: "message not found" });
    else if (id[2] === undefined) json(200, details(message));
    else response.writeHead(200, { "content-type": "message/rfc822" }).end(message.raw);
  } else {
    json(404, { Error: "not found" });
  }
}

/**
 * Whether a request comes from a page of this machine, by its Origin and Host headers. Otherwise any web site that the developer
 * visits could read the mails.
 */
function isLocal(request: IncomingMessage): boolean {
  const host = /^(127\.0\.0\.1|localhost)(:\d+)?$/;
  const origin = request.headers.origin;
  return (
    host.test(request.headers.host ?? "") &&
    (origin === undefined || host.test(origin.replace(/^https?:\/\//, "")))
  );
}

function search(messages: Message[], query: string): Message[] {
  const words = [...query.matchAll(/(?:(to|subject):)?(?:"([^"]*)"|(\S+))/g)].map(
    ([, field, quoted, word]) => ({
      field,
      text: (quoted ?? word ?? "").toLowerCase(),
    }),
  );
  return messages.filter((message) => {
    const fields: Record<string, string> = {
      to: addresses(message.email.to)
        .map((to) => to.Address)
        .join(" "),
      subject: message.email.subject ?? "",
    };
    const all = [...Object.values(fields), message.email.text ?? ""].join(" ").toLowerCase();
    return words.every(({ field, text }) =>
      (field === undefined ? all : fields[field]?.toLowerCase())?.includes(text),
    );
  });
}

function listing(all: Message[], found: Message[], parameters: URLSearchParams) {
  const start = Number(parameters.get("start") ?? 0);
  const page = found.slice(start, start + Number(parameters.get("limit") ?? 50)).map(summary);
  return { total: all.length, count: page.length, messages_count: found.length, start, messages: page };
}

function summary({ id, created, raw, email }: Message) {
  return {
    ID: id,
    MessageID: email.messageId?.replace(/^<|>$/g, "") ?? "",
    From: addresses(email.from === undefined ? [] : [email.from])[0] ?? null,
    To: addresses(email.to),
    Subject: email.subject ?? "",
    Created: created,
    Size: raw.length,
    Attachments: email.attachments.length,
    Snippet: (email.text ?? "").replaceAll(/\s+/g, " ").trim().slice(0, 250),
  };
}

function details(message: Message) {
  const { email } = message;
  return {
    ...summary(message),
    Text: email.text ?? "",
    HTML: email.html ?? "",
    Headers: Object.fromEntries(email.headers.map(({ key, value }) => [key, [value]])),
  };
}

function addresses(list: Email["to"] = []): { Name: string; Address: string }[] {
  return list
    .flatMap((entry) => ("group" in entry && entry.group ? entry.group : [entry]))
    .map((mailbox) => ({
      Name: mailbox.name ?? "",
      Address: "address" in mailbox ? (mailbox.address ?? "") : "",
    }));
}
