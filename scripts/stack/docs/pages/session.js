// Signing in, on both pages: a form in the header, and the session in the tab's storage.

const storageKey = "staybase-session";

/** The publishable key of this stack. */
export const apikey = document.body.dataset.publishableKey;

/** The session of the tab, `{ access_token, expires_at, user }`; undefined without one or when it has expired. */
export function currentSession() {
  const session = JSON.parse(sessionStorage.getItem(storageKey) ?? "null");
  return session !== null && session.expires_at * 1000 > Date.now() ? session : undefined;
}

/** Fills the header's form: to sign in, with a seeded guest's address, or to sign out. Either reloads the page. */
export function showSession() {
  const form = document.getElementById("session");
  const session = currentSession();
  if (session === undefined) {
    form.replaceChildren(
      field("Email", { name: "email", type: "email", value: "gita@example.com", autocomplete: "username" }),
      field("Password", {
        name: "password",
        type: "password",
        value: "staybase",
        autocomplete: "current-password",
      }),
      element("button", { textContent: "Sign in" }),
    );
    form.addEventListener("submit", signIn);
  } else {
    form.replaceChildren(
      element("span", { textContent: `Signed in as ${session.user.email}` }),
      element("button", { textContent: "Sign out" }),
    );
    form.addEventListener("submit", signOut);
  }
}

async function signIn(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const { email, password } = Object.fromEntries(new FormData(form));
  const response = await fetch("/auth/v1/token?grant_type=password", {
    method: "POST",
    headers: { apikey, "content-type": "application/json" },
    body: JSON.stringify({ email, password }),
  });
  if (response.ok) {
    sessionStorage.setItem(storageKey, JSON.stringify(await response.json()));
    location.reload();
    return;
  }
  const text =
    response.status === 400
      ? "Wrong email or password. `npm run reset` creates the seeded users."
      : `Signing in failed (${response.status}).`;
  form.querySelector("[role=alert]")?.remove();
  form.append(element("p", { role: "alert", textContent: text }));
}

function signOut(event) {
  event.preventDefault();
  sessionStorage.removeItem(storageKey);
  location.reload();
}

function field(name, properties) {
  const label = element("label", { textContent: name });
  label.append(element("input", { required: true, ...properties }));
  return label;
}

function element(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}
