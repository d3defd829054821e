// Comforts for account pages. Everything works without this file.
//
// Rules of this file: what it adds, it adds itself, so that nothing is on a page that does nothing without
// it; no markup from strings; nothing is stored; a password is hidden again before it leaves the page.

const COPIED_FOR_MS = 2000;

function buttonOf(words, kind, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = kind;
  button.textContent = words;
  button.addEventListener("click", () => act(button));
  return button;
}

function politely() {
  const said = document.createElement("span");
  said.className = "unseen";
  said.setAttribute("aria-live", "polite");
  return said;
}

// Show the password: a button with words, told to screen readers, hidden again on the way out and back.
function offerToShow(box) {
  const input = box.querySelector("input");
  const said = politely();
  const show = (visible) => {
    input.type = visible ? "text" : "password";
    button.textContent = visible ? "Hide" : "Show";
    button.setAttribute("aria-label", visible ? "Hide password" : "Show password");
  };
  const button = buttonOf("Show", "toggle", () => {
    show(input.type === "password");
    said.textContent = input.type === "text" ? "Your password is shown" : "Your password is hidden";
  });
  button.setAttribute("aria-controls", input.id);
  input.form?.addEventListener("submit", () => show(false));
  window.addEventListener("pageshow", () => show(false));
  show(false);
  box.append(button, said);
}

// Moments in the person's own zone and language.
function localise(time) {
  const when = new Date(time.dateTime);
  if (!Number.isNaN(when.getTime())) {
    time.title = time.textContent;
    time.textContent = when.toLocaleString(navigator.language, { dateStyle: "medium", timeStyle: "short" });
  }
}

function copyButton(text) {
  const said = politely();
  const button = buttonOf("Copy", "quiet", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      said.textContent = "Copied";
    } catch {
      button.textContent = "Please copy it by hand";
    }
    setTimeout(() => {
      button.textContent = "Copy";
      said.textContent = "";
    }, COPIED_FOR_MS);
  });
  return [button, said];
}

function download(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

// Codes that are shown once: three ways to keep them, and a question before they are gone.
function guard(codes) {
  const tools = document.querySelector("[data-codes-tools]");
  const kept = document.querySelector("[data-codes-kept]");
  const all = [...codes.querySelectorAll("code")].map((code) => code.textContent);
  const text = `${document.title}\n\n${all.join("\n")}\n`;
  tools.append(
    ...copyButton(text),
    buttonOf("Download", "quiet", () => download(text, "recovery-codes.txt")),
    buttonOf("Print", "quiet", () => window.print()),
  );
  tools.hidden = false;
  window.addEventListener("beforeunload", (event) => {
    if (!kept.checked) {
      event.preventDefault();
    }
  });
}

document.querySelectorAll(".with-toggle").forEach(offerToShow);
document.querySelectorAll("time[datetime]").forEach(localise);
document.querySelectorAll("[data-copy]").forEach((secret) => {
  secret.after(" ", ...copyButton(secret.textContent.replaceAll(" ", "")));
});
document.querySelectorAll("[data-codes]").forEach(guard);
document.querySelector("[data-focus]")?.focus();
