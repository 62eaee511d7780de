"use strict";
// Ticks are remembered where the browser allows it; everything else works without.
const boxes = [...document.querySelectorAll("input[type=checkbox]")];
const progress = document.getElementById("progress");
const place = "imagegen-handoff ";
const told = () => { progress.textContent = " · " + boxes.filter((box) => box.checked).length + " done"; };
for (const box of boxes) {
  try { box.checked = localStorage.getItem(place + box.id) === "done"; } catch { /* not allowed here */ }
  box.addEventListener("change", () => {
    try {
      if (box.checked) localStorage.setItem(place + box.id, "done");
      else localStorage.removeItem(place + box.id);
    } catch { /* not allowed here */ }
    told();
  });
}
told();
const byHand = (line) => {
  const range = document.createRange();
  range.selectNodeContents(line);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  return document.execCommand("copy");
};
for (const button of document.querySelectorAll(".copy")) {
  const line = button.parentElement.querySelector(".prompt");
  button.hidden = false;
  button.addEventListener("click", async () => {
    let done = true;
    try { await navigator.clipboard.writeText(line.textContent); } catch { done = byHand(line); }
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}
