// Forms with data-passkey ask the server what to sign, the browser's passkey to sign it, and are sent with its answer.
"use strict";

(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const keys = (list) => (list || []).map((key) => ({ ...key, id: bytes(key.id) }));

  // WebAuthn Level 3 has these conversions; browsers of before 2025 do not.
  const toCreate = (json) => PublicKeyCredential.parseCreationOptionsFromJSON?.(json) ?? {
    ...json, challenge: bytes(json.challenge), user: { ...json.user, id: bytes(json.user.id) }, excludeCredentials: keys(json.excludeCredentials),
  };
  const toGet = (json) => PublicKeyCredential.parseRequestOptionsFromJSON?.(json) ?? {
    ...json, challenge: bytes(json.challenge), allowCredentials: keys(json.allowCredentials),
  };
  const toJson = (made) => {
    if (made.toJSON) return made.toJSON();
    const response = { clientDataJSON: text(made.response.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (made.response[name]) response[name] = text(made.response[name]);
    }
    return { id: made.id, rawId: text(made.rawId), type: made.type, response, clientExtensionResults: {} };
  };

  const ask = async (form) => {
    const answer = await fetch(form.dataset.options, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error([said.error?.message ?? `The console answered ${answer.status}.`, said.error?.help].filter(Boolean).join(" "));
    return said;
  };

  const WHY = {
    NotAllowedError: "The passkey was not used: it was cancelled, or took too long.",
    InvalidStateError: "This device has a passkey for you here already.",
    SecurityError: "This page is not where your passkeys work.",
  };

  const sign = async (form) => {
    const said = form.querySelector("[data-said]");
    said.textContent = "Waiting for your passkey …";
    said.className = "dim";
    try {
      const asked = await ask(form);
      const made = form.dataset.passkey === "create"
        ? await navigator.credentials.create({ publicKey: toCreate(asked.options) })
        : await navigator.credentials.get({ publicKey: toGet(asked.options) });
      form.elements.nonce.value = asked.nonce;
      form.elements.credential.value = JSON.stringify(toJson(made));
      form.submit();
    } catch (error) {
      said.textContent = `✖ ${WHY[error.name] ?? error.message}`;
      said.className = "bad";
    }
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-passkey]") || event.defaultPrevented) return;
    event.preventDefault();
    sign(form);
  });

  // Passkeys are bound to a name: a page under another one says where to go, and offers nothing that cannot work.
  for (const place of document.querySelectorAll("[data-origin]")) {
    const here = place.dataset.origin === location.origin && "credentials" in navigator && "PublicKeyCredential" in window;
    for (const part of place.querySelectorAll("[data-here]")) part.hidden = !here;
    for (const part of place.querySelectorAll("[data-elsewhere]")) part.hidden = here;
  }

  // An invite that came with the address, behind the #, where no server sees it.
  const invite = document.querySelector("input[name=token]");
  if (invite && location.hash.startsWith("#kt_")) {
    invite.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname + location.search);
  }
})();
