// Passkeys in the browser: sign in, enrol, add one. Everything else works without this file.
// A section says what it is for with data-passkey; it stays hidden where passkeys cannot be used.
"use strict";

const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));

const toText = (buffer) => {
  let binary = "";
  for (const byte of new Uint8Array(buffer)) binary += String.fromCharCode(byte);
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
};

const descriptors = (list) => (list || []).map((item) => ({ ...item, id: toBytes(item.id) }));

// The two conversions of WebAuthn Level 3 §5.1.8 and §5.1.9, for browsers that lack them.
const creation = (options) => ({
  ...options,
  challenge: toBytes(options.challenge),
  user: { ...options.user, id: toBytes(options.user.id) },
  excludeCredentials: descriptors(options.excludeCredentials),
});

const request = (options) => ({
  ...options,
  challenge: toBytes(options.challenge),
  allowCredentials: descriptors(options.allowCredentials),
});

const asJSON = (credential) => {
  const response = credential.response;
  const parts = { clientDataJSON: toText(response.clientDataJSON) };
  if (response.attestationObject) {
    parts.attestationObject = toText(response.attestationObject);
    parts.transports = response.getTransports ? response.getTransports() : [];
  } else {
    parts.authenticatorData = toText(response.authenticatorData);
    parts.signature = toText(response.signature);
    if (response.userHandle) parts.userHandle = toText(response.userHandle);
  }
  return {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment || undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: parts,
  };
};

const post = async (path, body) => {
  const answer = await fetch(path, {
    method: "POST",
    credentials: "same-origin",
    redirect: "error",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(said.detail || ""), { said, path });
  return said;
};

const failure = document.getElementById("failure");

const complain = (text) => {
  failure.textContent = text;
  failure.hidden = text === "";
};

// What the browser throws, in words. A person who closes the dialog has not failed.
const words = (error) => {
  switch (error.name) {
    case "NotAllowedError":
      return "No passkey was used. You can try again, or sign in another way.";
    case "InvalidStateError":
      return "This device already has a passkey for your account.";
    case "SecurityError":
      return "Passkeys do not work at this address.";
    case "AbortError":
      return "";
  }
  if (error.said) {
    const reference = error.said.request_id ? " (Reference: " + error.said.request_id + ")" : "";
    return (error.message || "That did not work.") + reference;
  }
  return "That did not work. Please try again.";
};

// waiting is the request behind the username's autofill. A second one may only start when it has ended.
let waiting = null;

const stopWaiting = async () => {
  if (!waiting) return;
  waiting.controller.abort();
  await waiting.ended;
  waiting = null;
};

const signIn = async (section, mediation, signal) => {
  const begun = await post("/login/passkey/begin", { step: section.dataset.step || "" });
  const credential = await navigator.credentials.get({ publicKey: request(begun.options), mediation, signal });
  const done = await post("/login/passkey/finish", {
    state: begun.state,
    step: section.dataset.step || "",
    credential: asJSON(credential),
  });
  location.assign(done.location);
};

const create = async (section, base, extra) => {
  const begun = await post(base + "/begin", extra);
  const credential = await navigator.credentials.create({ publicKey: creation(begun.options) });
  const done = await post(base + "/finish", { ...extra, state: begun.state, credential: asJSON(credential) });
  location.assign(done.location);
};

const actions = {
  login: (section) => signIn(section),
  enrol: (section) => create(section, "/enrol/passkey", { token: section.dataset.token }),
  add: (section) => create(section, "/account/passkeys", {}),
};

const run = async (section, button) => {
  complain("");
  button.disabled = true;
  try {
    await stopWaiting();
    await actions[section.dataset.passkey](section);
  } catch (error) {
    // The server asks for a fresher or stronger login first and says where.
    if (error.said && error.said.location) return location.assign(error.said.location);
    complain(words(error));
  }
  button.disabled = false;
};

// autofill offers passkeys where the browser suggests usernames (conditional mediation).
const autofill = async (section) => {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable()) || waiting) return;
  const controller = new AbortController();
  const ended = signIn(section, "conditional", controller.signal).catch((error) => {
    if (error.path === "/login/passkey/finish") complain(words(error)); // nobody asked for the rest
  });
  waiting = { controller, ended };
};

// A challenge does not live long, so it is asked for when somebody turns to the form. Where
// there is no pointer to announce that, it is asked for at once.
const offerAutofill = (section) => {
  const field = document.querySelector("input[autocomplete~=webauthn]");
  if (!field || !PublicKeyCredential.isConditionalMediationAvailable) return;
  if (matchMedia("(pointer: coarse)").matches) return void autofill(section);
  for (const sign of ["pointerenter", "focusin"]) {
    field.form.addEventListener(sign, () => autofill(section), { once: true });
  }
};

if (window.PublicKeyCredential && navigator.credentials) {
  for (const section of document.querySelectorAll("[data-passkey]")) {
    const button = section.querySelector("button");
    section.hidden = false;
    button.addEventListener("click", () => run(section, button));
    if (section.dataset.passkey === "login") {
      for (const or of document.querySelectorAll(".or")) or.hidden = false;
      offerAutofill(section);
    }
  }
} else {
  for (const panel of document.querySelectorAll("#password-panel")) panel.open = true;
}
