// Passkeys in the browser: signing in from autofill or a button, adding one, and telling the password
// manager which ones are gone.
//
// Rules of this file: everything is read from data- attributes, nothing is built from strings of markup,
// nothing is stored; what needs passkeys stays hidden where the browser has none; a person who cancels
// gets a sentence and a working form.
//
//   <div hidden data-passkey="sign-in" data-options="..." data-finish="..." data-csrf="..."
//        data-autofill data-form="main form" data-fields="next remember shared_computer">
//     <button type="button" data-passkey-start>Sign in with a passkey</button>
//     <p role="status" data-passkey-message></p>
//   </div>
//
// data-passkey is "sign-in" (also as second factor and as fresh proof), "register" or "signal".

const RENEW_AFTER_MS = 240_000; // a challenge lives 300 s; an open autofill gets a new one before

const MESSAGES = {
  cancelled: "That was cancelled or took too long. You can try again, or use another way.",
  exists: "This device already holds a passkey for your account.",
  insecure: "Passkeys do not work at this address.",
  offline: "We could not be reached. Please check your connection and try again.",
  refused: "This passkey was not accepted. Try again, or use another way.",
  unusable: "This passkey could not be used. Try again, or use another way.",
  working: "Follow your browser…",
  done: "Done.",
};

const supported =
  window.isSecureContext &&
  typeof window.PublicKeyCredential === "function" &&
  typeof navigator.credentials?.create === "function" &&
  typeof navigator.credentials?.get === "function";

let autofill = null; // the AbortController of the request that waits in the autofill list

class Refused extends Error {
  constructor(status, problem) {
    super(problem.code ?? `status ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

function toBytes(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function toText(buffer) {
  const binary = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function withBytes(options) {
  const named = (list) => (list ?? []).map((one) => ({ ...one, id: toBytes(one.id) }));
  const made = { ...options, challenge: toBytes(options.challenge) };
  if (options.user) {
    made.user = { ...options.user, id: toBytes(options.user.id) };
    made.excludeCredentials = named(options.excludeCredentials);
  } else {
    made.allowCredentials = named(options.allowCredentials);
  }
  return made;
}

// By hand and not by toJSON(): some password managers answer with objects that lack it.
function withText(credential) {
  const { response } = credential;
  const made = {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    clientExtensionResults: credential.getClientExtensionResults?.() ?? {},
    response: { clientDataJSON: toText(response.clientDataJSON) },
  };
  if (response.attestationObject) {
    made.response.attestationObject = toText(response.attestationObject);
    made.response.transports = response.getTransports?.() ?? [];
  } else {
    made.response.authenticatorData = toText(response.authenticatorData);
    made.response.signature = toText(response.signature);
    if (response.userHandle) {
      made.response.userHandle = toText(response.userHandle);
    }
  }
  return made;
}

async function post(element, url, body) {
  const answer = await fetch(url, {
    method: "POST",
    mode: "same-origin",
    credentials: "same-origin",
    cache: "no-store",
    redirect: "error",
    headers: {
      Accept: "application/json",
      "Content-Type": "application/json",
      "X-CSRF-Token": element.dataset.csrf,
    },
    body: JSON.stringify(body),
  });
  const reply = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Refused(answer.status, reply);
  }
  return reply;
}

function fieldsOf(element, names) {
  const form = element.dataset.form ? document.querySelector(element.dataset.form) : element.closest("form");
  const values = {};
  for (const name of (names ?? "").split(/\s+/).filter(Boolean)) {
    const field = form?.elements.namedItem(name);
    if (field && (field.type !== "checkbox" || field.checked)) {
      values[name] = field.value;
    }
  }
  return values;
}

function say(element, name, detail) {
  const place = element.querySelector("[data-passkey-message]");
  if (place) {
    const translated = element.dataset[`message${name[0].toUpperCase()}${name.slice(1)}`];
    place.textContent = detail ?? translated ?? MESSAGES[name];
  }
}

function go(target) {
  const url = new URL(target ?? "/", window.location.href);
  window.location.assign(url.origin === window.location.origin ? url.href : "/");
}

async function signal(name, value) {
  if (value && typeof window.PublicKeyCredential?.[name] === "function") {
    await window.PublicKeyCredential[name](value).catch(() => undefined); // only a hint
  }
}

async function explain(element, error) {
  if (error instanceof Refused) {
    await signal("signalUnknownCredential", error.problem.unknown_credential);
    if (error.problem.code === "fresh_proof_required" && (error.problem.location ?? element.dataset.confirm)) {
      go(error.problem.location ?? element.dataset.confirm);
      return;
    }
    say(element, "refused", error.problem.detail);
    return;
  }
  const names = {
    NotAllowedError: "cancelled",
    InvalidStateError: "exists",
    SecurityError: "insecure",
    TypeError: "offline",
  };
  say(element, names[error.name] ?? "unusable");
}

async function finish(element, credential) {
  const reply = await post(element, element.dataset.finish, {
    credential: withText(credential),
    ...fieldsOf(element, element.dataset.fields),
  });
  await signal("signalAllAcceptedCredentials", reply.accepted_credentials);
  say(element, "done");
  go(reply.location ?? element.dataset.next);
}

async function options(element) {
  const reply = await post(element, element.dataset.options, {
    passkey: "options",
    ...fieldsOf(element, element.dataset.optionFields),
  });
  return withBytes(reply.options);
}

async function start(element, button) {
  if (button.getAttribute("aria-busy") === "true") {
    return;
  }
  button.setAttribute("aria-busy", "true");
  say(element, "working");
  autofill?.abort();
  autofill = null;
  try {
    const publicKey = await options(element);
    const credential =
      element.dataset.passkey === "register"
        ? await navigator.credentials.create({ publicKey })
        : await navigator.credentials.get({ publicKey });
    await finish(element, credential);
  } catch (error) {
    await explain(element, error);
    offerInAutofill();
  } finally {
    button.removeAttribute("aria-busy");
  }
}

async function waitInAutofill(element) {
  const controller = new AbortController();
  autofill = controller;
  const renewal = setTimeout(() => {
    controller.abort();
    if (autofill === controller) {
      offerInAutofill();
    }
  }, RENEW_AFTER_MS);
  let chosen = false;
  try {
    const publicKey = await options(element);
    if (controller.signal.aborted) {
      return;
    }
    const credential = await navigator.credentials.get({
      publicKey,
      mediation: "conditional",
      signal: controller.signal,
    });
    chosen = true;
    await finish(element, credential);
  } catch (error) {
    if (chosen) {
      await explain(element, error); // until then nobody had asked for anything
    }
  } finally {
    clearTimeout(renewal);
  }
}

async function offerInAutofill() {
  const element = document.querySelector('[data-passkey="sign-in"][data-autofill]');
  const available = await window.PublicKeyCredential.isConditionalMediationAvailable?.().catch(() => false);
  if (element && available && document.querySelector('input[autocomplete~="webauthn"]')) {
    await waitInAutofill(element);
  }
}

function set(element) {
  if (element.dataset.passkey === "signal") {
    signal("signalAllAcceptedCredentials", JSON.parse(element.dataset.acceptedCredentials ?? "null"));
    signal("signalCurrentUserDetails", JSON.parse(element.dataset.userDetails ?? "null"));
    return;
  }
  const button = element.querySelector("[data-passkey-start]");
  const begin = (event) => {
    event.preventDefault();
    start(element, button);
  };
  if (element.matches("form")) {
    element.addEventListener("submit", begin); // the Enter key too
  } else {
    button.addEventListener("click", begin);
  }
  element.hidden = false;
}

if (supported) {
  document.querySelectorAll("[data-passkey]").forEach(set);
  offerInAutofill();
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      offerInAutofill(); // back from the cache: what waited there was aborted
    }
  });
}
