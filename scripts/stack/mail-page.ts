// The mail catcher's page: the list of mails, and the one that was chosen, in a frame without scripts.

export const mailPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Mail - Staybase</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
  body { margin: 0; display: grid; grid-template-columns: minmax(16rem, 26rem) minmax(0, 1fr); height: 100vh; height: 100dvh }
  nav { overflow: auto; border-right: 1px solid #8885 }
  nav header, main header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: center; justify-content: space-between; padding: .75rem 1rem }
  h1, h2 { margin: 0; font-size: 1.1rem; overflow-wrap: anywhere }
  #empty { margin: 1rem }
  ul { list-style: none; margin: 0; padding: 0 }
  li button { all: unset; display: block; box-sizing: border-box; width: 100%; padding: .6rem 1rem; cursor: pointer; border-top: 1px solid #8883; overflow-wrap: anywhere }
  li button:hover, li button[aria-current=true] { background: #8882 }
  li button:focus-visible { outline: 2px solid; outline-offset: -2px }
  li time { float: right; margin-left: 1rem }
  small, time { opacity: .75; font-size: .85rem } small { display: block }
  .action { font: inherit; font-size: .9rem; padding: .2rem .7rem; border: 1px solid #8888; border-radius: .35rem; background: none; color: inherit; cursor: pointer }
  main { display: grid; grid-template-rows: auto 1fr; min-width: 0 }
  main header p { flex-basis: 100%; margin: 0; overflow-wrap: anywhere }
  iframe { border: 0; border-top: 1px solid #8885; width: 100%; height: 100% }
  [hidden] { display: none !important }
  #back { display: none }
  @media (max-width: 50rem) {
    body { grid-template-columns: minmax(0, 1fr) }
    nav { border: 0 }
    body.reading nav, body:not(.reading) main { display: none }
    #back { display: block }
    #subject { order: 1; flex-basis: 100% } main header p { order: 2 }
  }
</style>
</head>
<body>
<nav aria-label="Mails">
  <header><h1>Mail</h1><button class="action" id="delete-all" hidden>Delete all</button></header>
  <p id="empty">No mail yet. Sign up with any address, and the mail arrives here.</p>
  <ul id="list"></ul>
</nav>
<main aria-label="Mail">
  <header id="head" hidden>
    <button class="action" id="back">All mails</button>
    <h2 id="subject"></h2>
    <button class="action" id="delete">Delete</button>
    <p><small>To <span id="to"></span></small> <time id="time"></time></p>
  </header>
  <iframe id="body" title="Mail" sandbox="allow-popups allow-popups-to-escape-sandbox" hidden></iframe>
</main>
<script>
const api = "/api/v1/";
const at = (id) => document.getElementById(id);
const addresses = (mail) => mail.To.map((to) => to.Address).join(", ");
let shown, known = "";

/** The time of day for today's mails, else the date too. */
function setTime(element, created) {
  const date = new Date(created);
  const isToday = date.toDateString() === new Date().toDateString();
  element.dateTime = created;
  element.title = date.toLocaleString();
  element.textContent = date.toLocaleString([], { timeStyle: "short", ...(!isToday && { dateStyle: "medium" }) });
  return element;
}

async function show(id) {
  const response = await fetch(api + "message/" + id);
  if (!response.ok) return load();
  const mail = await response.json();
  const text = mail.Text.replace(/[&<]/g, (c) => c === "&" ? "&amp;" : "&lt;");
  const plain = '<meta name="color-scheme" content="light dark"><pre style="white-space: pre-wrap">' + text + "</pre>";
  shown = id;
  at("subject").textContent = mail.Subject;
  at("to").textContent = addresses(mail);
  setTime(at("time"), mail.Created);
  at("body").srcdoc = '<base target="_blank">' + (mail.HTML || plain);
  mark();
}

function close() {
  shown = undefined;
  mark();
}

function mark() {
  document.body.classList.toggle("reading", shown !== undefined);
  at("head").hidden = at("body").hidden = shown === undefined;
  for (const button of document.querySelectorAll("li button")) button.setAttribute("aria-current", button.value === shown);
}

async function remove(ids) {
  await fetch(api + "messages", { method: "DELETE", body: JSON.stringify({ IDs: ids }) });
  close();
  await load();
}

async function load() {
  const { messages } = await (await fetch(api + "messages?limit=500")).json();
  const ids = messages.map((mail) => mail.ID).join();
  if (ids === known) return;
  known = ids;
  at("empty").hidden = messages.length > 0;
  at("delete-all").hidden = messages.length === 0;
  at("list").replaceChildren(...messages.map((mail) => {
    const button = Object.assign(document.createElement("button"), { value: mail.ID, onclick: () => show(mail.ID) });
    const summary = "To " + addresses(mail) + " - " + mail.Snippet.slice(0, 80);
    button.append(setTime(document.createElement("time"), mail.Created), mail.Subject, Object.assign(document.createElement("small"), { textContent: summary }));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
  mark();
}

at("back").onclick = close;
at("delete").onclick = () => remove([shown]);
at("delete-all").onclick = () => remove([]);
load();
setInterval(load, 1500);
</script>
</body>
</html>
`;
