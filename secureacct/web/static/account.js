// Comforts for account pages. Everything works without this file.

for (const box of document.querySelectorAll(".with-toggle")) {
  const input = box.querySelector("input");
  const said = document.createElement("span");
  said.className = "unseen";
  said.setAttribute("aria-live", "polite");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "toggle";
  const show = (visible, tell) => {
    input.type = visible ? "text" : "password";
    button.textContent = visible ? "Hide" : "Show";
    button.setAttribute("aria-label", visible ? "Hide password" : "Show password");
    if (tell) said.textContent = visible ? "Your password is shown" : "Your password is hidden";
  };
  button.addEventListener("click", () => show(input.type === "password", true));
  input.form?.addEventListener("submit", () => show(false, false));
  window.addEventListener("pageshow", () => show(false, false));
  show(false, false);
  box.append(button, said);
}

document.querySelector("[data-focus]")?.focus();

for (const time of document.querySelectorAll("time[datetime]")) {
  const when = new Date(time.dateTime);
  if (!Number.isNaN(when.getTime())) {
    time.textContent = when.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  }
}

const tool = (words, act) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "second";
  button.textContent = words;
  button.addEventListener("click", () => act(button));
  return button;
};

const copied = (button) => {
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 2000);
};

for (const secret of document.querySelectorAll("[data-copy]")) {
  secret.after(" ", tool("Copy", async (button) => {
    await navigator.clipboard.writeText(secret.textContent.replaceAll(" ", ""));
    copied(button);
  }));
}

const codes = document.querySelector("[data-codes]");
const tools = document.querySelector("[data-codes-tools]");
if (codes && tools) {
  const text = [...codes.querySelectorAll("code")].map((code) => code.textContent).join("\n") + "\n";
  tools.append(
    tool("Copy", async (button) => { await navigator.clipboard.writeText(text); copied(button); }),
    tool("Download", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
      link.download = "recovery-codes.txt";
      link.click();
      URL.revokeObjectURL(link.href);
    }),
    tool("Print", () => window.print()),
  );
  tools.hidden = false;
}
