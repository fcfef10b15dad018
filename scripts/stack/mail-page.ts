// The mail catcher's page: a list, and the mail that was chosen. Mails are shown in a frame without scripts.

export const mailPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Mail - Staybase</title>
<style>
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
  body { margin: 0; display: grid; grid-template-columns: minmax(16rem, 26rem) 1fr; height: 100vh }
  nav { overflow: auto; border-right: 1px solid #8885 } h1 { font-size: 1.1rem; margin: 1rem }
  nav p { margin: 1rem } ul { list-style: none; margin: 0; padding: 0 }
  button { all: unset; display: block; box-sizing: border-box; width: 100%; padding: .6rem 1rem; cursor: pointer; border-top: 1px solid #8883 }
  button:hover, button[aria-current=true] { background: #8882 } button:focus-visible { outline: 2px solid; outline-offset: -2px }
  small { display: block; opacity: .7 } main { display: grid; grid-template-rows: auto 1fr; min-width: 0 }
  header { padding: 1rem } header h2 { margin: 0; font-size: 1.1rem } iframe { border: 0; width: 100%; height: 100%; background: #fff }
  @media (max-width: 50rem) { body { grid-template-columns: 1fr; grid-template-rows: 40vh 1fr } }
</style>
</head>
<body>
<nav aria-label="Mails"><h1>Mail</h1><p id="empty">No mail yet. Sign somebody up, and it arrives here.</p><ul id="list"></ul></nav>
<main><header id="head"></header><iframe id="body" title="Mail" sandbox="allow-popups allow-popups-to-escape-sandbox"></iframe></main>
<script>
let shown, known = "";
const at = (id) => document.getElementById(id);
async function show(id) {
  shown = id;
  const mail = await (await fetch("/api/v1/message/" + id)).json();
  at("head").replaceChildren(Object.assign(document.createElement("h2"), { textContent: mail.Subject }),
    Object.assign(document.createElement("small"), { textContent: "To " + mail.To.map((t) => t.Address).join(", ") + ", " + new Date(mail.Created).toLocaleString() }));
  const text = mail.Text.replace(/[&<]/g, (c) => c === "&" ? "&amp;" : "&lt;");
  at("body").srcdoc = '<base target="_blank">' + (mail.HTML || "<pre>" + text + "</pre>");
  mark();
}
function mark() { for (const b of document.querySelectorAll("button")) b.setAttribute("aria-current", b.value === shown) }
async function load() {
  const { messages } = await (await fetch("/api/v1/messages?limit=200")).json();
  const ids = messages.map((m) => m.ID).join();
  if (ids === known) return;
  known = ids;
  at("empty").hidden = messages.length > 0;
  at("list").replaceChildren(...messages.map((m) => {
    const button = Object.assign(document.createElement("button"), { value: m.ID, onclick: () => show(m.ID) });
    button.append(m.Subject, Object.assign(document.createElement("small"), { textContent: "To " + m.To.map((t) => t.Address).join(", ") + " - " + m.Snippet.slice(0, 80) }));
    const item = document.createElement("li"); item.append(button); return item;
  }));
  mark();
}
load(); setInterval(load, 1500);
</script>
</body>
</html>
`;
