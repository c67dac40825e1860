// Conveniences only: the page is complete without this script.
"use strict";

// Copy buttons beside commands and JSON.
for (const source of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy " + source.dataset.copy);
  button.addEventListener("click", async () => {
    const range = document.createRange();
    range.selectNodeContents(source);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  source.after(button);
}

// Remember the theme, where the browser allows it.
const themes = document.querySelectorAll("input[name=theme]");
try {
  const saved = localStorage.getItem("theme");
  for (const theme of themes) {
    if (theme.value === saved) theme.checked = true;
    theme.addEventListener("change", () => localStorage.setItem("theme", theme.value));
  }
} catch { /* no storage: the choice lasts as long as the page */ }
