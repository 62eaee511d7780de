"use strict";
(() => {
  const figures = [...document.querySelectorAll("figure")];
  if (figures.length < 2) return;
  const search = document.getElementById("search");
  const status = document.getElementById("status");
  const nothing = document.getElementById("nothing");
  const buttons = [...document.querySelectorAll(".chips button")];
  const all = status.textContent;
  const texts = new Map();
  const text = (figure) => {
    if (!texts.has(figure)) texts.set(figure, figure.textContent.toLowerCase());
    return texts.get(figure);
  };
  const pressed = (by) => buttons
    .filter((button) => button.dataset.by === by && button.getAttribute("aria-pressed") === "true")
    .map((button) => button.value);

  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const states = pressed("state");
    const models = pressed("model");
    let shown = 0;
    for (const figure of figures) {
      const fits = (!states.length || states.includes(figure.dataset.state))
        && (!models.length || models.includes(figure.dataset.model))
        && words.every((word) => text(figure).includes(word));
      figure.hidden = !fits;
      shown += fits;
    }
    const filtered = words.length || states.length || models.length;
    status.textContent = filtered ? `${shown.toLocaleString("en")} of ${figures.length.toLocaleString("en")}` : all;
    nothing.hidden = shown > 0;
  };

  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      apply();
    });
  }
  let timer;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(apply, 80);
  });
  document.getElementById("filters").hidden = false;
  apply();
})();
